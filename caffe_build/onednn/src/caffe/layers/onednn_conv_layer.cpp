// Convolution on the CPU by oneDNN; see onednn_conv_layer.hpp.

#ifdef USE_ONEDNN

#include <cstdlib>
#include <string>
#include <unordered_map>
#include <vector>

#include "caffe/layers/onednn_conv_layer.hpp"
#include "caffe/util/math_functions.hpp"

namespace caffe {

using dnnl::memory;
using onednn::CaffeLayout;
using onednn::Engine;
using onednn::Workspace;
using onednn::Wrap;

namespace {

// The type of sources, weights and the gradients of results.
memory::data_type FactorType() {
  const char* wanted = getenv("CAFFE_CONV_BF16");
  if (wanted == NULL || string(wanted) != "1") {
    return memory::data_type::f32;
  }
  // Each of these numbers has the bits of all that a processor can do.
  const int processor = static_cast<int>(dnnl::get_effective_cpu_isa());
  const int bf16 = static_cast<int>(dnnl::cpu_isa::avx512_core_bf16);
  if ((processor & bf16) == bf16) {
    return memory::data_type::bf16;
  }
  static bool told = false;
  if (!told) {
    LOG(WARNING) << "CAFFE_CONV_BF16 is set, but this processor has no bf16 "
        << "arithmetic: convolutions are in single precision";
    told = true;
  }
  return memory::data_type::f32;
}

}  // namespace

OneDNNConvolutionLayer::OneDNNConvolutionLayer(const LayerParameter& param)
    : ConvolutionLayer<float>(param), factor_type_(FactorType()),
      usable_(false) {}

memory::desc OneDNNConvolutionLayer::Factor(const memory::desc& desc) const {
  return memory::desc(desc.get_dims(), factor_type_, memory::format_tag::any);
}

memory::desc OneDNNConvolutionLayer::Sum(const memory::desc& desc) const {
  return memory::desc(desc.get_dims(), memory::data_type::f32,
      memory::format_tag::any);
}

void OneDNNConvolutionLayer::Reshape(const vector<Blob<float>*>& bottom,
    const vector<Blob<float>*>& top) {
  ConvolutionLayer<float>::Reshape(bottom, top);
  if (this->num_spatial_axes_ != 2 || this->force_nd_im2col_ ||
      bottom[0]->count() == 0 || top[0]->count() == 0) {
    usable_ = false;
    source_ = memory::desc();
    return;
  }
  memory::dims input(1, this->num_);
  for (int i = 0; i < 3; ++i) {
    input.push_back(this->input_shape(i));
  }
  const memory::desc source = CaffeLayout(input);
  if (source == source_) {
    return;  // the primitives are of this shape already
  }
  source_ = source;
  memory::dims output(1, this->num_);
  output.push_back(this->num_output_);
  output.insert(output.end(), this->output_shape_.begin(),
      this->output_shape_.end());
  destination_ = CaffeLayout(output);
  memory::dims weights;
  if (this->group_ > 1) {
    weights.push_back(this->group_);
  }
  weights.push_back(this->num_output_ / this->group_);
  weights.push_back(this->channels_ / this->group_);
  weights.push_back(this->kernel_shape_.cpu_data()[0]);
  weights.push_back(this->kernel_shape_.cpu_data()[1]);
  weights_ = CaffeLayout(weights);
  if (this->bias_term_) {
    bias_ = CaffeLayout(memory::dims(1, this->num_output_));
  }
  // The other two are made when they are first wanted.
  backward_data_ = dnnl::convolution_backward_data();
  backward_weights_ = dnnl::convolution_backward_weights();
  usable_ = Try(&OneDNNConvolutionLayer::SetUpForward);
}

bool OneDNNConvolutionLayer::Try(void (OneDNNConvolutionLayer::*set_up)()) {
  for (;;) {
    try {
      (this->*set_up)();
      return true;
    } catch (const dnnl::error& error) {
      if (factor_type_ == memory::data_type::f32) {
        LOG(INFO) << this->layer_param_.name() << ": not by oneDNN: "
            << error.what();
        return false;
      }
      factor_type_ = memory::data_type::f32;
    }
  }
}

void OneDNNConvolutionLayer::SetUpForward() {
  memory::dims stride, dilation, pad;
  for (int i = 0; i < 2; ++i) {
    stride.push_back(this->stride_.cpu_data()[i]);
    dilation.push_back(this->dilation_.cpu_data()[i] - 1);  // 0 is dense here
    pad.push_back(this->pad_.cpu_data()[i]);
  }
  forward_pd_ = dnnl::convolution_forward::primitive_desc(Engine(),
      dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct,
      Factor(source_), Factor(weights_), bias_, Sum(destination_), stride,
      dilation, pad, pad, onednn::Attributes());
  forward_ = dnnl::convolution_forward(forward_pd_);
  forward_source_.Init(source_, forward_pd_.src_desc(), onednn::SLOT_A);
  forward_weights_.Init(weights_, forward_pd_.weights_desc());
  forward_destination_.Init(destination_, forward_pd_.dst_desc(),
      onednn::SLOT_B);
  LogImplementation("forward", forward_pd_.impl_info_str(), &forward_name_);
}

void OneDNNConvolutionLayer::SetUpBackwardData() {
  data_pd_ = dnnl::convolution_backward_data::primitive_desc(Engine(),
      dnnl::algorithm::convolution_direct, Sum(source_), Factor(weights_),
      Factor(destination_), forward_pd_.get_strides(),
      forward_pd_.get_dilations(), forward_pd_.get_padding_l(),
      forward_pd_.get_padding_r(), forward_pd_, onednn::Attributes());
  backward_data_ = dnnl::convolution_backward_data(data_pd_);
  data_source_.Init(source_, data_pd_.diff_src_desc(), onednn::SLOT_A);
  data_weights_.Init(weights_, data_pd_.weights_desc());
  data_destination_.Init(destination_, data_pd_.diff_dst_desc(),
      onednn::SLOT_B);
  LogImplementation("backward to data", data_pd_.impl_info_str(),
      &data_name_);
}

void OneDNNConvolutionLayer::SetUpBackwardWeights() {
  weights_pd_ = dnnl::convolution_backward_weights::primitive_desc(Engine(),
      dnnl::algorithm::convolution_direct, Factor(source_), Sum(weights_),
      bias_, Factor(destination_), forward_pd_.get_strides(),
      forward_pd_.get_dilations(), forward_pd_.get_padding_l(),
      forward_pd_.get_padding_r(), forward_pd_, onednn::Attributes());
  backward_weights_ = dnnl::convolution_backward_weights(weights_pd_);
  weights_source_.Init(source_, weights_pd_.src_desc(), onednn::SLOT_A);
  weights_destination_.Init(destination_, weights_pd_.diff_dst_desc(),
      onednn::SLOT_B);
  weights_weights_.Init(weights_pd_.diff_weights_desc(), weights_, true);
  LogImplementation("backward to weights", weights_pd_.impl_info_str(),
      &weights_name_);
}

void OneDNNConvolutionLayer::LogImplementation(const char* pass,
    const char* implementation, string* last) {
  if (*last != implementation) {
    LOG(INFO) << this->layer_param_.name() << ": oneDNN, " << pass << ": "
        << implementation
        << (factor_type_ == memory::data_type::bf16 ? " in bf16" : "");
    *last = implementation;
  }
}

memory OneDNNConvolutionLayer::Weights(const onednn::Reorder& reorder,
    const memory::desc& wanted) {
  // They may have changed since the last call in ways that leave no trace,
  // such as through an array in Python, so an older copy is not used.
  const memory own = Wrap(weights_, this->blobs_[0]->cpu_data());
  if (wanted == weights_) {
    return own;
  }
  const memory copy = Workspace(onednn::SLOT_WEIGHTS, wanted);
  reorder.Run(own, copy);
  return copy;
}

void OneDNNConvolutionLayer::Forward_cpu(const vector<Blob<float>*>& bottom,
    const vector<Blob<float>*>& top) {
  if (!usable_) {
    ConvolutionLayer<float>::Forward_cpu(bottom, top);
    return;
  }
  const memory weights = Weights(forward_weights_, forward_pd_.weights_desc());
  for (int i = 0; i < bottom.size(); ++i) {
    SyncedMemory* data = top[i]->data().get();
    const memory source = forward_source_.Read(bottom[i]->data().get());
    const memory destination = forward_destination_.BeginWrite(data);
    std::unordered_map<int, memory> arguments = {
        { DNNL_ARG_SRC, source }, { DNNL_ARG_WEIGHTS, weights },
        { DNNL_ARG_DST, destination }, { DNNL_ARG_SCRATCHPAD,
            Workspace(onednn::SLOT_SCRATCHPAD,
                forward_pd_.scratchpad_desc()) } };
    if (this->bias_term_) {
      arguments[DNNL_ARG_BIAS] = Wrap(bias_, this->blobs_[1]->cpu_data());
    }
    forward_.execute(onednn::Stream(), arguments);
    forward_destination_.EndWrite(data, destination);
  }
  onednn::Stream().wait();
}

void OneDNNConvolutionLayer::Backward_cpu(const vector<Blob<float>*>& top,
    const vector<bool>& propagate_down, const vector<Blob<float>*>& bottom) {
  const bool to_weights = this->param_propagate_down_[0];
  bool to_data = false;
  for (int i = 0; i < propagate_down.size(); ++i) {
    to_data = to_data || propagate_down[i];
  }
  if (usable_ && to_weights && !backward_weights_) {
    usable_ = Try(&OneDNNConvolutionLayer::SetUpBackwardWeights);
  }
  if (usable_ && to_data && !backward_data_) {
    usable_ = Try(&OneDNNConvolutionLayer::SetUpBackwardData);
  }
  if (!usable_) {
    ConvolutionLayer<float>::Backward_cpu(top, propagate_down, bottom);
    return;
  }
  for (int i = 0; i < top.size(); ++i) {
    SyncedMemory* diff = top[i]->diff().get();
    memory destination;
    if (to_weights) {
      destination = weights_destination_.Read(diff);
      BackwardWeights(destination, bottom[i]);
    } else if (this->bias_term_ && this->param_propagate_down_[1]) {
      for (int n = 0; n < this->num_; ++n) {
        this->backward_cpu_bias(this->blobs_[1]->mutable_cpu_diff(),
            top[i]->cpu_diff() + n * this->top_dim_);
      }
    }
    if (propagate_down[i]) {
      if (!to_weights ||
          data_destination_.wanted() != weights_destination_.wanted()) {
        destination = data_destination_.Read(diff);
      }
      BackwardData(destination, bottom[i]);
    }
  }
  onednn::Stream().wait();
}

void OneDNNConvolutionLayer::BackwardData(const memory& destination,
    Blob<float>* bottom) {
  SyncedMemory* diff = bottom->diff().get();
  const memory weights = Weights(data_weights_, data_pd_.weights_desc());
  const memory source = data_source_.BeginWrite(diff);
  backward_data_.execute(onednn::Stream(), {
      { DNNL_ARG_DIFF_DST, destination }, { DNNL_ARG_WEIGHTS, weights },
      { DNNL_ARG_DIFF_SRC, source }, { DNNL_ARG_SCRATCHPAD,
          Workspace(onednn::SLOT_SCRATCHPAD, data_pd_.scratchpad_desc()) } });
  data_source_.EndWrite(diff, source);
}

void OneDNNConvolutionLayer::BackwardWeights(const memory& destination,
    Blob<float>* bottom) {
  const memory source = weights_source_.Read(bottom->data().get());
  const memory weights = Workspace(onednn::SLOT_WEIGHTS,
      weights_pd_.diff_weights_desc());
  std::unordered_map<int, memory> arguments = {
      { DNNL_ARG_SRC, source }, { DNNL_ARG_DIFF_DST, destination },
      { DNNL_ARG_DIFF_WEIGHTS, weights }, { DNNL_ARG_SCRATCHPAD,
          Workspace(onednn::SLOT_SCRATCHPAD,
              weights_pd_.scratchpad_desc()) } };
  if (this->bias_term_) {
    arguments[DNNL_ARG_DIFF_BIAS] = Workspace(onednn::SLOT_BIAS, bias_);
  }
  backward_weights_.execute(onednn::Stream(), arguments);
  // Caffe wants gradients of parameters added to what is there.
  weights_weights_.Run(weights,
      Wrap(weights_, this->blobs_[0]->mutable_cpu_diff()));
  if (this->bias_term_ && this->param_propagate_down_[1]) {
    caffe_axpy(this->num_output_, 1.f, static_cast<const float*>(
        arguments[DNNL_ARG_DIFF_BIAS].get_data_handle()),
        this->blobs_[1]->mutable_cpu_diff());
  }
}

}  // namespace caffe

#endif  // USE_ONEDNN
