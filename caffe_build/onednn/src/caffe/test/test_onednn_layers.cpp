// Tests of the layers that compute with oneDNN, against Caffe's own. Caffe's
// tests of ConvolutionLayer are run on OneDNNConvolutionLayer too, by
// CMakeLists.txt.

#ifdef USE_ONEDNN

#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <string>
#include <vector>

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

#include "caffe/common.hpp"
#include "caffe/filler.hpp"
#include "caffe/layers/conv_layer.hpp"
#include "caffe/layers/onednn_conv_layer.hpp"
#include "caffe/net.hpp"
#include "caffe/util/math_functions.hpp"

#include "caffe/test/test_caffe_main.hpp"

namespace caffe {

namespace {

// The largest difference as a part of the largest number.
float RelativeError(int count, const float* result, const float* expected) {
  float error = 0, largest = 0;
  for (int i = 0; i < count; ++i) {
    error = std::max(error, std::abs(result[i] - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  return error / largest;
}

void FillRandomly(Blob<float>* blob, bool diff) {
  caffe_rng_gaussian<float>(blob->count(), 0, 1,
      diff ? blob->mutable_cpu_diff() : blob->mutable_cpu_data());
}

}  // namespace

class OneDNNLayersTest : public CPUDeviceTest<float> {
 protected:
  // One convolution on both engines: outputs and all gradients, which the
  // second of two passes adds to those of the first.
  void CompareConvolutions(const string& settings, const vector<int>& shape) {
    SCOPED_TRACE(settings);
    Caffe::set_random_seed(1701);
    LayerParameter param;
    CHECK(google::protobuf::TextFormat::ParseFromString(settings,
        param.mutable_convolution_param()));
    param.mutable_convolution_param()->mutable_weight_filler()->set_type(
        "gaussian");
    param.mutable_convolution_param()->mutable_bias_filler()->set_type(
        "gaussian");
    ConvolutionLayer<float> caffe_layer(param);
    OneDNNConvolutionLayer layer(param);
    Layer<float>* layers[] = { &caffe_layer, &layer };
    Blob<float> bottoms[2], tops[2];
    for (int i = 0; i < 2; ++i) {
      bottoms[i].Reshape(shape);
      layers[i]->SetUp(Blobs(&bottoms[i]), Blobs(&tops[i]));
    }
    ASSERT_EQ(tops[0].shape(), tops[1].shape());
    for (int i = 0; i < layer.blobs().size(); ++i) {
      layer.blobs()[i]->CopyFrom(*caffe_layer.blobs()[i]);
    }
    for (int pass = 0; pass < 2; ++pass) {
      FillRandomly(&bottoms[0], false);
      bottoms[1].CopyFrom(bottoms[0]);
      FillRandomly(&tops[0], true);
      tops[1].CopyFrom(tops[0], true);
      for (int i = 0; i < 2; ++i) {
        layers[i]->Forward(Blobs(&bottoms[i]), Blobs(&tops[i]));
        layers[i]->Backward(Blobs(&tops[i]), vector<bool>(1, true),
            Blobs(&bottoms[i]));
      }
      CheckSame(&tops[1], &tops[0], false);
      CheckSame(&bottoms[1], &bottoms[0], true);
      for (int i = 0; i < layer.blobs().size(); ++i) {
        CheckSame(layer.blobs()[i].get(), caffe_layer.blobs()[i].get(), true);
      }
    }
  }

  void CheckSame(Blob<float>* result, Blob<float>* expected, bool diff) {
    EXPECT_LT(diff ? RelativeError(expected->count(), result->cpu_diff(),
        expected->cpu_diff()) : RelativeError(expected->count(),
        result->cpu_data(), expected->cpu_data()), 1e-4);
  }

  vector<Blob<float>*> Blobs(Blob<float>* blob) {
    return vector<Blob<float>*>(1, blob);
  }
};

TEST_F(OneDNNLayersTest, TestConvolutions) {
  const int kShapes[][4] = { { 1, 3, 17, 23 }, { 5, 22, 19, 16 },
      { 13, 38, 9, 11 }, { 2, 130, 12, 8 }, { 3, 16, 8, 24 } };
  const char* kSettings[] = {
      "num_output: 16 kernel_size: 3 pad: 1",
      "num_output: 22 kernel_size: 7 pad: 3",
      "num_output: 8 kernel_size: 1",
      "num_output: 5 kernel_size: 1 bias_term: false",
      "num_output: 32 kernel_size: 3 stride: 2",
      "num_output: 33 kernel_h: 3 kernel_w: 5 pad_h: 0 pad_w: 2",
      "num_output: 6 kernel_size: 3 pad: 2 dilation: 2",
      "num_output: 7 kernel_size: 3 pad: 3 stride: 3" };
  for (int i = 0; i < sizeof(kShapes) / sizeof(kShapes[0]); ++i) {
    for (int j = 0; j < sizeof(kSettings) / sizeof(kSettings[0]); ++j) {
      CompareConvolutions(kSettings[j],
          vector<int>(kShapes[i], kShapes[i] + 4));
    }
  }
}

TEST_F(OneDNNLayersTest, TestGroups) {
  const int kShape[] = { 3, 16, 11, 13 };
  const vector<int> shape(kShape, kShape + 4);
  CompareConvolutions("num_output: 24 kernel_size: 3 pad: 1 group: 2", shape);
  CompareConvolutions("num_output: 16 kernel_size: 3 pad: 1 group: 16", shape);
}

// Blobs go from layer to layer in oneDNN's layout, or in Caffe's where a layer
// knows no other, and everything comes out as it does from Caffe's engine.
TEST_F(OneDNNLayersTest, TestNet) {
  const string kLayers =
      "layer { name: 'in' type: 'DummyData' top: 'in' dummy_data_param {"
      "  shape { dim: 3 dim: 8 dim: 22 dim: 18 }"
      "  data_filler { type: 'gaussian' } } }"
      "layer { name: 'conv1' type: 'Convolution' bottom: 'in' top: 'conv1'"
      "  convolution_param { num_output: 22 kernel_size: 3 pad: 1 ENGINE"
      "    weight_filler { type: 'xavier' } } }"
      "layer { name: 'relu1' type: 'ReLU' bottom: 'conv1' top: 'conv1'"
      "  relu_param { ENGINE } }"
      "layer { name: 'pool1' type: 'Pooling' bottom: 'conv1' top: 'pool1'"
      "  pooling_param { pool: MAX kernel_size: 3 stride: 2 ENGINE } }"
      "layer { name: 'conv2' type: 'Convolution' bottom: 'pool1' top: 'conv2'"
      "  convolution_param { num_output: 16 kernel_size: 1 ENGINE"
      "    weight_filler { type: 'xavier' } } }"
      "layer { name: 'relu2' type: 'ReLU' bottom: 'conv2' top: 'relu2'"
      "  relu_param { ENGINE negative_slope: 0.1 } }"
      "layer { name: 'join' type: 'Concat' bottom: 'pool1' bottom: 'relu2'"
      "  bottom: 'conv2' top: 'join' }"
      "layer { name: 'conv3' type: 'Convolution' bottom: 'join' top: 'conv3'"
      "  convolution_param { num_output: 9 kernel_size: 5 pad: 2 ENGINE"
      "    weight_filler { type: 'xavier' } } }"
      "layer { name: 'pool3' type: 'Pooling' bottom: 'conv3' top: 'pool3'"
      "  pooling_param { pool: MAX kernel_size: 2 stride: 2 pad: 1 ENGINE } }"
      "layer { name: 'loss' type: 'Reduction' bottom: 'pool3' top: 'loss'"
      "  reduction_param { operation: SUMSQ } loss_weight: 1 }";
  shared_ptr<Net<float> > nets[2];
  for (int i = 0; i < 2; ++i) {
    string text = "force_backward: true " + kLayers;
    const string engine = i == 0 ? "engine: CAFFE" : "";
    for (size_t at; (at = text.find("ENGINE")) != string::npos; ) {
      text.replace(at, 6, engine.empty() ? "" : "engine: 1");
    }
    NetParameter param;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &param));
    Caffe::set_random_seed(1701);
    nets[i].reset(new Net<float>(param));
  }
  nets[1]->ShareTrainedLayersWith(nets[0].get());
  for (int pass = 0; pass < 2; ++pass) {
    for (int i = 0; i < 2; ++i) {
      Caffe::set_random_seed(pass);  // for the same data
      nets[i]->ClearParamDiffs();
      nets[i]->Forward();
      nets[i]->Backward();
    }
    for (int i = 0; i < nets[0]->blobs().size(); ++i) {
      SCOPED_TRACE(nets[0]->blob_names()[i]);
      CheckSame(nets[1]->blobs()[i].get(), nets[0]->blobs()[i].get(), false);
      if (i > 0) {
        CheckSame(nets[1]->blobs()[i].get(), nets[0]->blobs()[i].get(), true);
      }
    }
    for (int i = 0; i < nets[0]->params().size(); ++i) {
      CheckSame(nets[1]->params()[i].get(), nets[0]->params()[i].get(), true);
    }
    // In place, as a program may do it between two calls.
    caffe_scal(nets[0]->params()[0]->count(), 0.5f,
        nets[0]->params()[0]->mutable_cpu_data());
  }
}

// GNU OpenMP's threads are not there in a forked process, which has to start
// its own.
TEST_F(OneDNNLayersTest, TestForkedProcess) {
  const int kShape[] = { 2, 16, 12, 12 };
  const vector<int> shape(kShape, kShape + 4);
  const string settings = "num_output: 16 kernel_size: 3";
  CompareConvolutions(settings, shape);
  const pid_t process = fork();
  if (process == 0) {
    alarm(60);  // rather than wait for ever
    CompareConvolutions(settings, shape);
    _exit(HasFailure() ? 1 : 0);
  }
  int status = -1;
  EXPECT_EQ(process, waitpid(process, &status, 0));
  EXPECT_EQ(0, status);
}

// Data whose layout is not Caffe's: each number is negative.
class NegativeData : public ForeignData {
 public:
  explicit NegativeData(float value) : value_(value) {}
  virtual void ToCaffe(void* cpu_data) {
    *static_cast<float*>(cpu_data) = -value_;
  }

 private:
  float value_;
};

TEST(ForeignDataTest, TestStates) {
  Blob<float> blob(vector<int>(1, 1));
  SyncedMemory* memory = blob.data().get();
  EXPECT_TRUE(memory->foreign_data() == NULL);
  const shared_ptr<ForeignData> data(new NegativeData(3));
  memory->set_foreign_data(data);
  EXPECT_EQ(data.get(), memory->foreign_data());
  EXPECT_EQ(SyncedMemory::HEAD_AT_CPU, memory->head());
  EXPECT_EQ(-3, blob.cpu_data()[0]);
  EXPECT_EQ(data.get(), memory->foreign_data());  // only read
  blob.mutable_cpu_data()[0] = 5;
  EXPECT_TRUE(memory->foreign_data() == NULL);
  EXPECT_EQ(data, memory->foreign_buffer());
  EXPECT_EQ(5, blob.cpu_data()[0]);
  memory->set_foreign_data(data);
  float outside = 7;
  blob.set_cpu_data(&outside);
  EXPECT_TRUE(memory->foreign_data() == NULL);
  EXPECT_EQ(7, blob.cpu_data()[0]);
  memory->set_foreign_data(data);
  EXPECT_EQ(3, blob.asum_data());
  memory->set_foreign_data(data);
  memory->keep_caffe_layout();
  EXPECT_TRUE(memory->foreign_data() == NULL);
  EXPECT_TRUE(memory->keeps_caffe_layout());
  EXPECT_EQ(-3, outside);
}

}  // namespace caffe

#endif  // USE_ONEDNN
