// What the layers that compute with oneDNN share: the engine and the stream,
// working memory, and data in oneDNN's layouts.

#ifndef CAFFE_UTIL_ONEDNN_HPP_
#define CAFFE_UTIL_ONEDNN_HPP_
#ifdef USE_ONEDNN

#include <oneapi/dnnl/dnnl.hpp>

#include "caffe/common.hpp"
#include "caffe/syncedmem.hpp"

namespace caffe {
namespace onednn {

// The processor, as oneDNN sees it, and this thread's queue of work for it.
dnnl::engine& Engine();
dnnl::stream& Stream();

// Working memory that holds nothing beyond one call of one layer, and so is
// shared by all layers of a thread. Each slot is a piece of its own, which
// grows to the largest size that is asked of it.
enum Slot { SLOT_A, SLOT_B, SLOT_WEIGHTS, SLOT_BIAS, SLOT_SCRATCHPAD,
            SLOT_COUNT };
dnnl::memory Workspace(Slot slot, const dnnl::memory::desc& desc);

// The attributes all primitives have: their scratchpad is in the workspace.
dnnl::primitive_attr Attributes();

// Copies memory from one layout to another, or adds it to what is there.
// Nothing happens where both layouts are the same and it shall not be added.
class Reorder {
 public:
  void Init(const dnnl::memory::desc& from, const dnnl::memory::desc& to,
      bool accumulate = false);
  void Run(const dnnl::memory& from, const dnnl::memory& to) const;

 private:
  dnnl::reorder::primitive_desc pd_;
  dnnl::reorder primitive_;
};

// Single precision in Caffe's layout.
dnnl::memory::desc CaffeLayout(const dnnl::memory::dims& dims);

// Caffe's memory as oneDNN takes it, which asks for a pointer that is not
// const even where it only reads.
dnnl::memory Wrap(const dnnl::memory::desc& desc, const void* data);

// The data of a blob in a layout of oneDNN's.
class LayoutData : public ForeignData {
 public:
  explicit LayoutData(const dnnl::memory::desc& desc)
      : memory_(desc, Engine()) {}
  virtual void ToCaffe(void* cpu_data);
  const dnnl::memory& memory() const { return memory_; }
  const dnnl::memory::desc desc() const { return memory_.get_desc(); }

 private:
  dnnl::memory memory_;
};

// The data in a layout of oneDNN's, or NULL if they are in Caffe's only.
LayoutData* GetLayout(const SyncedMemory* data);

// One input or output of a primitive: a tensor that is a blob's data or diff,
// and the layout in which the primitive reads or writes it.
class Tensor {
 public:
  // The slot is for copies.
  void Init(const dnnl::memory::desc& caffe, const dnnl::memory::desc& wanted,
      Slot slot);
  const dnnl::memory::desc& wanted() const { return wanted_; }
  // The data for the primitive to read.
  dnnl::memory Read(SyncedMemory* data);
  // Where the primitive writes, and what is to do when it has written.
  dnnl::memory BeginWrite(SyncedMemory* data) const;
  void EndWrite(SyncedMemory* data, const dnnl::memory& written) const;

 private:
  dnnl::memory::desc caffe_, wanted_, other_;
  Reorder from_caffe_, to_caffe_, from_other_;
  Slot slot_;
};

}  // namespace onednn
}  // namespace caffe

#endif  // USE_ONEDNN
#endif  // CAFFE_UTIL_ONEDNN_HPP_
