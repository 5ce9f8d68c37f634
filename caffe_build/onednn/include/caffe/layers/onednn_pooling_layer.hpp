// Max pooling on the CPU between layers that compute with oneDNN.

#ifndef CAFFE_ONEDNN_POOLING_LAYER_HPP_
#define CAFFE_ONEDNN_POOLING_LAYER_HPP_
#ifdef USE_ONEDNN

#include <vector>

#include "caffe/blob.hpp"
#include "caffe/layer.hpp"
#include "caffe/proto/caffe.pb.h"

#include "caffe/layers/pooling_layer.hpp"
#include "caffe/util/onednn.hpp"

namespace caffe {

/**
 * @brief PoolingLayer, which takes the maximum by oneDNN where data come in a
 *        layout of oneDNN's, and otherwise does what PoolingLayer does.
 */
class OneDNNPoolingLayer : public PoolingLayer<float> {
 public:
  explicit OneDNNPoolingLayer(const LayerParameter& param)
      : PoolingLayer<float>(param), by_onednn_(false) {}

 protected:
  virtual void Forward_cpu(const vector<Blob<float>*>& bottom,
      const vector<Blob<float>*>& top);
  virtual void Backward_cpu(const vector<Blob<float>*>& top,
      const vector<bool>& propagate_down, const vector<Blob<float>*>& bottom);

 private:
  // Make the primitives for data in a layout, unless they are there. Gives
  // whether oneDNN can do it.
  bool SetUp(const dnnl::memory::desc& source);

  bool by_onednn_;  // whether the last forward pass was oneDNN's
  dnnl::memory::desc source_;  // the layout the primitives are for
  dnnl::pooling_forward::primitive_desc forward_pd_;
  dnnl::pooling_forward forward_;
  dnnl::pooling_backward::primitive_desc backward_pd_;
  dnnl::pooling_backward backward_;
  onednn::Tensor bottom_, top_;
  dnnl::memory workspace_;  // where each maximum was found
};

}  // namespace caffe

#endif  // USE_ONEDNN
#endif  // CAFFE_ONEDNN_POOLING_LAYER_HPP_
