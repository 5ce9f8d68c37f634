// ReLU on the CPU between layers that compute with oneDNN; see
// onednn_relu_layer.hpp.

#ifdef USE_ONEDNN

#include <stdint.h>
#include <vector>

#include "caffe/layers/onednn_relu_layer.hpp"

namespace caffe {

using dnnl::memory;

namespace {

// The formulas of relu_layer.cpp, written so that compilers vectorise them.
void ReLUForward(int64_t count, float slope, const float* x, float* y) {
#pragma omp parallel for simd
  for (int64_t i = 0; i < count; ++i) {
    const float v = x[i];
    y[i] = (v < 0 ? 0.f : v) + slope * (v > 0 ? 0.f : v);
  }
}

void ReLUBackward(int64_t count, float slope, const float* x, const float* dy,
    float* dx) {
#pragma omp parallel for simd
  for (int64_t i = 0; i < count; ++i) {
    const int above = x[i] > 0, below = x[i] <= 0;
    dx[i] = dy[i] * (above + slope * below);
  }
}

float* Floats(const memory& data) {
  return static_cast<float*>(data.get_data_handle());
}

// How many numbers there are, with those that only fill up blocks: these are
// zero, and ReLU leaves them so.
int64_t Count(const memory& data) {
  return data.get_desc().get_size() / sizeof(float);
}

}  // namespace

bool OneDNNReLULayer::FindLayout(const Blob<float>& data) {
  const onednn::LayoutData* layout = onednn::GetLayout(data.data().get());
  if (layout && layout->desc() != tensor_.wanted()) {
    tensor_.Init(onednn::CaffeLayout(layout->desc().get_dims()),
        layout->desc(), onednn::SLOT_A);
  }
  return layout != NULL;
}

void OneDNNReLULayer::Forward_cpu(const vector<Blob<float>*>& bottom,
    const vector<Blob<float>*>& top) {
  const float slope = this->layer_param_.relu_param().negative_slope();
  if (!FindLayout(*bottom[0])) {
    ReLUForward(bottom[0]->count(), slope, bottom[0]->cpu_data(),
        top[0]->mutable_cpu_data());
    return;
  }
  SyncedMemory* result = top[0]->data().get();
  const memory x = tensor_.Read(bottom[0]->data().get());
  const memory y = tensor_.BeginWrite(result);
  ReLUForward(Count(x), slope, Floats(x), Floats(y));
  tensor_.EndWrite(result, y);
}

void OneDNNReLULayer::Backward_cpu(const vector<Blob<float>*>& top,
    const vector<bool>& propagate_down, const vector<Blob<float>*>& bottom) {
  if (!propagate_down[0]) {
    return;
  }
  const float slope = this->layer_param_.relu_param().negative_slope();
  if (!FindLayout(*bottom[0])) {
    ReLUBackward(bottom[0]->count(), slope, bottom[0]->cpu_data(),
        top[0]->cpu_diff(), bottom[0]->mutable_cpu_diff());
    return;
  }
  SyncedMemory* result = bottom[0]->diff().get();
  const memory x = tensor_.Read(bottom[0]->data().get());
  const memory dy = tensor_.Read(top[0]->diff().get());
  const memory dx = tensor_.BeginWrite(result);
  ReLUBackward(Count(x), slope, Floats(x), Floats(dy), Floats(dx));
  tensor_.EndWrite(result, dx);
}

}  // namespace caffe

#endif  // USE_ONEDNN
