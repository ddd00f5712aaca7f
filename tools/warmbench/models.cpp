#include "models.hpp"

#include "options.hpp"

#include "hf/hf_loader.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <latch>
#include <mutex>
#include <numeric>
#include <thread>

namespace warmbench {

std::optional<model_options> read_model_options(int count, char** arguments)
{
    model_options given;
    option_reader known(arguments[0]);
    known.add("shape", given.shape, "smol135, qwen0.5b or tiny")
        .add("dtype", given.dtype, "what weights are kept in: bf16, fp32, int8 or int4")
        .add("rank", given.rank, "of the adapter, which acts on every linear layer")
        .add("repeat", given.repeat, "the best of so many counts");
    return known.read(count, arguments) ? std::optional(given) : std::nullopt;
}

void compute_as_the_daemon_does(char** arguments)
{
    if (::getenv("OMP_WAIT_POLICY"))
        return;
    ::setenv("OMP_WAIT_POLICY", "passive", 1);
    ::execv("/proc/self/exe",
            arguments - 1); // main() handed on its arguments without the program's name
}

model_files::model_files(const model_options& options)
{
    const model_shape& shape = shape_named(options.shape);
    write_base(in.path / "base", shape, random_tensors::storage::bf16);
    write_adapter(in.path / "adapter", shape, options.rank, 2);
    spec.base = (in.path / "base").native();
    spec.adapter = (in.path / "adapter").native();
    spec.dtype = options.dtype;
}

std::unique_ptr<warmd::backend> load(const warmd::loader& by, const warmd::model_spec& spec)
{
    const auto resolved = by.resolve(spec, {});
    if (!resolved)
        throw std::runtime_error(resolved.error().detail);
    warmd::load_context context{.stop = {}, .progress = [](std::uint64_t, std::uint64_t) {}};
    auto loaded = by.load(*resolved, context);
    if (!loaded)
        throw std::runtime_error(loaded.error().detail);
    return std::move(*loaded);
}

void run(warmd::backend& model, std::vector<warmd::operation> what)
{
    std::mutex mutex;
    std::string trouble;
    std::latch all(static_cast<std::ptrdiff_t>(what.size()));
    for (warmd::operation& each : what)
        model.submit({.what = std::move(each),
                      .stop = {},
                      .complete = [&](const warmd::result<warmd::outcome>& came) {
                          if (!came) {
                              const std::lock_guard lock(mutex);
                              trouble = came.error().detail;
                          }
                          all.count_down();
                      }});
    all.wait();
    if (!trouble.empty())
        throw std::runtime_error(trouble);
}

std::vector<warmd::text_or_ids> some_prompts(std::size_t count, std::size_t length,
                                             std::size_t vocabulary)
{
    std::vector<warmd::text_or_ids> prompts;
    for (std::size_t p = 0; p != count; ++p) {
        std::vector<warmd::token_id> ids;
        for (std::size_t i = 0; i != length; ++i)
            ids.push_back(static_cast<warmd::token_id>((997 * p + 131 * i + 7) % vocabulary));
        prompts.emplace_back(std::move(ids));
    }
    return prompts;
}

double least_seconds(int repeat, const std::function<void()>& what)
{
    what();
    double least = std::numeric_limits<double>::max();
    for (int i = 0; i < repeat; ++i) {
        const auto start = std::chrono::steady_clock::now();
        what();
        least = std::min(
            least, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return least;
}

double memory_bandwidth()
{
    constexpr std::size_t lanes = 64;                     // sums that do not wait for each other
    const std::vector<std::uint32_t> memory(64 << 20, 1); // 256 MB, beyond any cache
    const std::size_t threads = std::max(std::thread::hardware_concurrency(), 1U),
                      share = memory.size() / threads / lanes * lanes;
    std::vector<std::uint64_t> sums(threads);
    const double seconds = least_seconds(5, [&] {
        std::vector<std::jthread> readers;
        for (std::size_t t = 0; t != threads; ++t)
            readers.emplace_back([&, t] {
                std::array<std::uint32_t, lanes> sum{};
                for (std::size_t at = t * share; at != (t + 1) * share; at += lanes)
                    for (std::size_t i = 0; i != lanes; ++i)
                        sum[i] += memory[at + i];
                sums[t] = std::accumulate(sum.begin(), sum.end(), std::uint64_t{0});
            });
    });
    if (std::accumulate(sums.begin(), sums.end(), std::uint64_t{0}) != share * threads)
        throw std::logic_error("memory was not read"); // and the compiler cannot leave it out
    return static_cast<double>(share * threads * sizeof(std::uint32_t)) / seconds;
}

} // namespace warmbench
