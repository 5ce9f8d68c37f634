// ReLU on the CPU between layers that compute with oneDNN.

#ifndef CAFFE_ONEDNN_RELU_LAYER_HPP_
#define CAFFE_ONEDNN_RELU_LAYER_HPP_
#ifdef USE_ONEDNN

#include <vector>

#include "caffe/blob.hpp"
#include "caffe/layer.hpp"
#include "caffe/proto/caffe.pb.h"

#include "caffe/layers/relu_layer.hpp"
#include "caffe/util/onednn.hpp"

namespace caffe {

/**
 * @brief ReLULayer, in any layout and on all the threads of OpenMP. It
 *        computes the same to the bit.
 */
class OneDNNReLULayer : public ReLULayer<float> {
 public:
  explicit OneDNNReLULayer(const LayerParameter& param)
      : ReLULayer<float>(param) {}

 protected:
  virtual void Forward_cpu(const vector<Blob<float>*>& bottom,
      const vector<Blob<float>*>& top);
  virtual void Backward_cpu(const vector<Blob<float>*>& top,
      const vector<bool>& propagate_down, const vector<Blob<float>*>& bottom);

 private:
  // The layout of the data, in which the gradients are dealt with too. Gives
  // whether there is one of oneDNN's.
  bool FindLayout(const Blob<float>& data);

  onednn::Tensor tensor_;
};

}  // namespace caffe

#endif  // USE_ONEDNN
#endif  // CAFFE_ONEDNN_RELU_LAYER_HPP_
