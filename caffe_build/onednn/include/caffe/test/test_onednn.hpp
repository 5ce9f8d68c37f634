// For Caffe's tests of ConvolutionLayer when they are run on oneDNN's.

#ifndef CAFFE_TEST_TEST_ONEDNN_HPP_
#define CAFFE_TEST_TEST_ONEDNN_HPP_

#include "caffe/layers/conv_layer.hpp"
#include "caffe/layers/onednn_conv_layer.hpp"

namespace caffe {

// The layer that the factory makes on the CPU: oneDNN's in single precision,
// Caffe's in double precision.
template <typename Dtype>
class TestedConvolutionLayer : public ConvolutionLayer<Dtype> {
 public:
  explicit TestedConvolutionLayer(const LayerParameter& param)
      : ConvolutionLayer<Dtype>(param) {}
};

template <>
class TestedConvolutionLayer<float> : public OneDNNConvolutionLayer {
 public:
  explicit TestedConvolutionLayer(const LayerParameter& param)
      : OneDNNConvolutionLayer(param) {}
};

}  // namespace caffe

#endif  // CAFFE_TEST_TEST_ONEDNN_HPP_
