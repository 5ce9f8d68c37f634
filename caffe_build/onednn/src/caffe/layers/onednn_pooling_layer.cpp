// Max pooling on the CPU between layers that compute with oneDNN; see
// onednn_pooling_layer.hpp.

#ifdef USE_ONEDNN

#include <algorithm>
#include <vector>

#include "caffe/layers/onednn_pooling_layer.hpp"

namespace caffe {

using dnnl::memory;
using onednn::CaffeLayout;
using onednn::Engine;
using onednn::Workspace;

bool OneDNNPoolingLayer::SetUp(const memory::desc& source) {
  if (source == source_) {
    return static_cast<bool>(forward_);
  }
  source_ = source;
  forward_ = dnnl::pooling_forward();
  const memory::dims input = source.get_dims();
  if (input.size() != 4) {
    return false;
  }
  const memory::dims output = { input[0], input[1], this->pooled_height_,
      this->pooled_width_ };
  const memory::dims kernel = { this->kernel_h_, this->kernel_w_ };
  const memory::dims stride = { this->stride_h_, this->stride_w_ };
  const memory::dims dense = { 0, 0 };
  const memory::dims before = { this->pad_h_, this->pad_w_ };
  memory::dims after;  // as much as the last window reaches beyond the edge
  for (int i = 0; i < 2; ++i) {
    after.push_back(std::max<memory::dim>(0, (output[i + 2] - 1) * stride[i]
        + kernel[i] - before[i] - input[i + 2]));
  }
  try {
    const dnnl::algorithm algorithm = dnnl::algorithm::pooling_max;
    forward_pd_ = dnnl::pooling_forward::primitive_desc(Engine(),
        dnnl::prop_kind::forward_training, algorithm, source,
        memory::desc(output, memory::data_type::f32, memory::format_tag::any),
        stride, kernel, dense, before, after, onednn::Attributes());
    backward_pd_ = dnnl::pooling_backward::primitive_desc(Engine(), algorithm,
        source, forward_pd_.dst_desc(), stride, kernel, dense, before, after,
        forward_pd_, onednn::Attributes());
    backward_ = dnnl::pooling_backward(backward_pd_);
    bottom_.Init(CaffeLayout(input), source, onednn::SLOT_A);
    top_.Init(CaffeLayout(output), forward_pd_.dst_desc(), onednn::SLOT_B);
    workspace_ = memory(forward_pd_.workspace_desc(), Engine());
    forward_ = dnnl::pooling_forward(forward_pd_);
  } catch (const dnnl::error& error) {
    LOG(INFO) << this->layer_param_.name() << ": not by oneDNN: "
        << error.what();
    return false;
  }
  LOG(INFO) << this->layer_param_.name() << ": oneDNN, forward: "
      << forward_pd_.impl_info_str() << ", backward: "
      << backward_pd_.impl_info_str();
  return true;
}

void OneDNNPoolingLayer::Forward_cpu(const vector<Blob<float>*>& bottom,
    const vector<Blob<float>*>& top) {
  const onednn::LayoutData* data =
      onednn::GetLayout(bottom[0]->data().get());
  by_onednn_ = data && top.size() == 1 && this->layer_param_.pooling_param()
      .pool() == PoolingParameter_PoolMethod_MAX && SetUp(data->desc());
  if (!by_onednn_) {
    PoolingLayer<float>::Forward_cpu(bottom, top);
    return;
  }
  SyncedMemory* result = top[0]->data().get();
  const memory destination = top_.BeginWrite(result);
  forward_.execute(onednn::Stream(), { { DNNL_ARG_SRC, data->memory() },
      { DNNL_ARG_DST, destination }, { DNNL_ARG_WORKSPACE, workspace_ },
      { DNNL_ARG_SCRATCHPAD, Workspace(onednn::SLOT_SCRATCHPAD,
          forward_pd_.scratchpad_desc()) } });
  top_.EndWrite(result, destination);
  onednn::Stream().wait();
}

void OneDNNPoolingLayer::Backward_cpu(const vector<Blob<float>*>& top,
    const vector<bool>& propagate_down, const vector<Blob<float>*>& bottom) {
  if (!by_onednn_) {
    PoolingLayer<float>::Backward_cpu(top, propagate_down, bottom);
    return;
  }
  if (!propagate_down[0]) {
    return;
  }
  SyncedMemory* result = bottom[0]->diff().get();
  const memory destination = top_.Read(top[0]->diff().get());
  const memory source = bottom_.BeginWrite(result);
  backward_.execute(onednn::Stream(), { { DNNL_ARG_DIFF_DST, destination },
      { DNNL_ARG_DIFF_SRC, source }, { DNNL_ARG_WORKSPACE, workspace_ },
      { DNNL_ARG_SCRATCHPAD, Workspace(onednn::SLOT_SCRATCHPAD,
          backward_pd_.scratchpad_desc()) } });
  bottom_.EndWrite(result, source);
  onednn::Stream().wait();
}

}  // namespace caffe

#endif  // USE_ONEDNN
