// Convolution on the CPU by oneDNN.

#ifndef CAFFE_ONEDNN_CONV_LAYER_HPP_
#define CAFFE_ONEDNN_CONV_LAYER_HPP_
#ifdef USE_ONEDNN

#include <string>
#include <vector>

#include "caffe/blob.hpp"
#include "caffe/layer.hpp"
#include "caffe/proto/caffe.pb.h"

#include "caffe/layers/conv_layer.hpp"
#include "caffe/util/onednn.hpp"

namespace caffe {

/**
 * @brief oneDNN implementation of ConvolutionLayer, for the CPU and for single
 *        precision. What it cannot do it leaves to ConvolutionLayer.
 *
 * oneDNN works through a whole batch at a time, without im2col, on all the
 * threads of OpenMP. Each computation is a primitive, which is made for one
 * shape of the input and kept. A primitive chooses the layouts in memory that
 * suit it. Data and gradients are left to the next layer in that layout;
 * weights are brought into it at each call.
 *
 * With CAFFE_CONV_BF16=1 in the environment, products are of bfloat16 numbers
 * on processors that have such arithmetic. Sums and all blobs stay in single
 * precision.
 */
class OneDNNConvolutionLayer : public ConvolutionLayer<float> {
 public:
  explicit OneDNNConvolutionLayer(const LayerParameter& param);
  virtual void Reshape(const vector<Blob<float>*>& bottom,
      const vector<Blob<float>*>& top);

 protected:
  virtual void Forward_cpu(const vector<Blob<float>*>& bottom,
      const vector<Blob<float>*>& top);
  virtual void Backward_cpu(const vector<Blob<float>*>& top,
      const vector<bool>& propagate_down, const vector<Blob<float>*>& bottom);

 private:
  // Make the primitive of one computation and what goes in and out of it.
  void SetUpForward();
  void SetUpBackwardData();
  void SetUpBackwardWeights();
  // Do one of these. Gives whether oneDNN could.
  bool Try(void (OneDNNConvolutionLayer::*set_up)());

  void BackwardData(const dnnl::memory& destination, Blob<float>* bottom);
  void BackwardWeights(const dnnl::memory& destination, Blob<float>* bottom);

  // The weights in the layout that a primitive wants.
  dnnl::memory Weights(const onednn::Reorder& reorder,
      const dnnl::memory::desc& wanted);

  // A tensor in whichever layout oneDNN prefers, of factors or of sums.
  dnnl::memory::desc Factor(const dnnl::memory::desc& desc) const;
  dnnl::memory::desc Sum(const dnnl::memory::desc& desc) const;

  // Tell, once for each computation, which implementation oneDNN chose.
  void LogImplementation(const char* pass, const char* implementation,
      string* last);

  dnnl::memory::data_type factor_type_;  // f32 or bf16
  bool usable_;  // whether oneDNN can do this convolution in this shape
  dnnl::memory::desc source_, weights_, bias_, destination_;  // Caffe's layouts

  dnnl::convolution_forward::primitive_desc forward_pd_;
  dnnl::convolution_forward forward_;
  onednn::Tensor forward_source_, forward_destination_;
  onednn::Reorder forward_weights_;
  string forward_name_;

  dnnl::convolution_backward_data::primitive_desc data_pd_;
  dnnl::convolution_backward_data backward_data_;
  onednn::Tensor data_source_, data_destination_;
  onednn::Reorder data_weights_;
  string data_name_;

  dnnl::convolution_backward_weights::primitive_desc weights_pd_;
  dnnl::convolution_backward_weights backward_weights_;
  onednn::Tensor weights_source_, weights_destination_;
  onednn::Reorder weights_weights_;
  string weights_name_;
};

}  // namespace caffe

#endif  // USE_ONEDNN
#endif  // CAFFE_ONEDNN_CONV_LAYER_HPP_
