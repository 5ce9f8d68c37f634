// What the layers that compute with oneDNN share; see onednn.hpp.

#ifdef USE_ONEDNN

#if defined(_OPENMP) && __GNUC__ >= 9
#include <omp.h>
#include <pthread.h>
#endif

#include "caffe/util/onednn.hpp"

namespace caffe {
namespace onednn {

using dnnl::memory;

namespace {

#if defined(_OPENMP) && __GNUC__ >= 9
// A forked process has none of GNU OpenMP's threads, but would wait for them
// for ever. So they are ended before; both processes start new ones.
void EndThreads() {
  omp_pause_resource_all(omp_pause_soft);
}
#endif

dnnl::engine MakeEngine() {
#if defined(_OPENMP) && __GNUC__ >= 9
  pthread_atfork(&EndThreads, NULL, NULL);
#endif
  return dnnl::engine(dnnl::engine::kind::cpu, 0);
}

}  // namespace

dnnl::engine& Engine() {
  static dnnl::engine engine = MakeEngine();
  return engine;
}

dnnl::stream& Stream() {
  static thread_local dnnl::stream stream(Engine());
  return stream;
}

memory Workspace(Slot slot, const memory::desc& desc) {
  struct Piece {
    memory bytes;
    size_t size;
    Piece() : size(0) {}
  };
  static thread_local Piece pieces[SLOT_COUNT];
  Piece& piece = pieces[slot];
  if (piece.size < desc.get_size()) {
    piece.size = desc.get_size();
    piece.bytes = memory();  // frees the old piece first
    piece.bytes = memory(memory::desc(
        memory::dims(1, static_cast<memory::dim>(piece.size)),
        memory::data_type::u8, memory::format_tag::x), Engine());
  }
  return memory(desc, Engine(),
      piece.size ? piece.bytes.get_data_handle() : NULL);
}

dnnl::primitive_attr Attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

void Reorder::Init(const memory::desc& from, const memory::desc& to,
    bool accumulate) {
  if (from == to && !accumulate) {
    primitive_ = dnnl::reorder();
    return;
  }
  dnnl::primitive_attr attributes = Attributes();
  if (accumulate) {
    dnnl::post_ops ops;
    ops.append_sum(1.f);
    attributes.set_post_ops(ops);
  }
  pd_ = dnnl::reorder::primitive_desc(Engine(), from, Engine(), to,
      attributes);
  primitive_ = dnnl::reorder(pd_);
}

void Reorder::Run(const memory& from, const memory& to) const {
  if (primitive_) {
    primitive_.execute(Stream(), { { DNNL_ARG_FROM, from },
        { DNNL_ARG_TO, to }, { DNNL_ARG_SCRATCHPAD,
            Workspace(SLOT_SCRATCHPAD, pd_.scratchpad_desc()) } });
  }
}

memory::desc CaffeLayout(const memory::dims& dims) {
  // Row-major, with as many axes as there are.
  memory::dims strides(dims.size(), 1);
  for (int i = static_cast<int>(dims.size()) - 2; i >= 0; --i) {
    strides[i] = strides[i + 1] * dims[i + 1];
  }
  return memory::desc(dims, memory::data_type::f32, strides);
}

memory Wrap(const memory::desc& desc, const void* data) {
  return memory(desc, Engine(), const_cast<void*>(data));
}

void LayoutData::ToCaffe(void* cpu_data) {
  const memory::desc caffe = CaffeLayout(desc().get_dims());
  Reorder reorder;
  reorder.Init(desc(), caffe);
  reorder.Run(memory_, Wrap(caffe, cpu_data));
  Stream().wait();
}

LayoutData* GetLayout(const SyncedMemory* data) {
  return dynamic_cast<LayoutData*>(data->foreign_data());
}

void Tensor::Init(const memory::desc& caffe, const memory::desc& wanted,
    Slot slot) {
  caffe_ = caffe;
  wanted_ = wanted;
  other_ = memory::desc();
  slot_ = slot;
  from_caffe_.Init(caffe, wanted);
  to_caffe_.Init(wanted, caffe);
}

memory Tensor::Read(SyncedMemory* data) {
  const LayoutData* layout = GetLayout(data);
  if (layout && layout->desc() == wanted_) {
    return layout->memory();
  }
  if (layout && layout->desc().get_dims() == wanted_.get_dims()) {
    if (layout->desc() != other_) {
      other_ = layout->desc();
      from_other_.Init(other_, wanted_);
    }
    const memory copy = Workspace(slot_, wanted_);
    from_other_.Run(layout->memory(), copy);
    return copy;
  }
  const memory caffe = Wrap(caffe_, data->cpu_data());
  if (caffe_ == wanted_) {
    return caffe;
  }
  const memory copy = Workspace(slot_, wanted_);
  from_caffe_.Run(caffe, copy);
  return copy;
}

memory Tensor::BeginWrite(SyncedMemory* data) const {
  if (caffe_ == wanted_) {
    return Wrap(caffe_, data->mutable_cpu_data());
  }
  if (data->keeps_caffe_layout()) {
    return Workspace(slot_, wanted_);
  }
  // The place of an earlier call is used again.
  shared_ptr<ForeignData> place = data->foreign_buffer();
  const LayoutData* old = dynamic_cast<LayoutData*>(place.get());
  if (!old || old->desc() != wanted_) {
    place.reset(new LayoutData(wanted_));
  }
  data->set_foreign_data(place);
  return GetLayout(data)->memory();
}

void Tensor::EndWrite(SyncedMemory* data, const memory& written) const {
  if (caffe_ != wanted_ && data->keeps_caffe_layout()) {
    to_caffe_.Run(written, Wrap(caffe_, data->mutable_cpu_data()));
  }
}

}  // namespace onednn
}  // namespace caffe

#endif  // USE_ONEDNN
