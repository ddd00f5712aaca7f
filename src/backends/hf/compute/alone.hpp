#pragma once
// oneDNN's own threads, which are never wanted.

// Of OpenMP's interface (2.0 and later). Declared here: the compiler's <omp.h> may belong to
// another library than the one that oneDNN is linked to.
extern "C" {
int omp_get_max_threads();
void omp_set_num_threads(int threads);
}

namespace warmd::hf {

/// In its lifetime, what the library does for the calling thread it does on that thread: OpenMP,
/// with which it is built, makes no others for it. One that it could not make would end the
/// process.
class computing_alone {
public:
    computing_alone() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
    ~computing_alone() { omp_set_num_threads(before_); }
    computing_alone(const computing_alone&) = delete;
    computing_alone& operator=(const computing_alone&) = delete;

private:
    int before_;
};

} // namespace warmd::hf
