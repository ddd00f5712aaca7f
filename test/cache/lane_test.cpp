// One backend's life: jobs beside one another, and a close that comes after all of them.

#include "cache/lane.hpp"

#include "simulation/manual_executor.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace warmd;

namespace {

/// Keeps what it is given; the test completes it.
struct keeping_backend final : backend {
    keeping_backend(std::vector<call>& kept, bool& closed) : kept_(kept), closed_(closed) {}
    void submit(call what) override { kept_.push_back(std::move(what)); }
    footprint bytes() const override { return {.all = 1}; }
    void close() override { closed_ = true; }

private:
    std::vector<call>& kept_;
    bool& closed_;
};

struct fixture {
    fixture()
    {
        const auto load = [this](const resolved_model&,
                                 load_context& with) -> result<std::unique_ptr<backend>> {
            worker = with.worker;
            return std::make_unique<keeping_backend>(calls, closed);
        };
        how.load = load;
        here->load(how, std::make_shared<resolved_model>(), {},
                   [](const result<footprint>& made) { BOOST_TEST(made.has_value()); });
        loads.run(0);
    }

    test::job_pool loads, runs;
    loader how;
    std::vector<call> calls;
    bool closed = false;
    call_worker worker;
    std::shared_ptr<lane> here = std::make_shared<lane>(loads.get_executor(), runs.get_executor(),
                                                        std::make_shared<metrics>());
};

} // namespace

BOOST_AUTO_TEST_CASE(two_posted_jobs_run_at_once)
{
    fixture f;
    std::string ran;
    f.worker.post([&] {
        ran += "first ";
        f.runs.run(0); // the other one, while this one is under way
        ran += "ends";
    });
    f.worker.post([&] { ran += "second "; });
    BOOST_TEST_REQUIRE(f.runs.size() == 2U);
    f.runs.run(0);
    BOOST_TEST(ran == "first second ends");
    f.here->close([](const std::string&) {});
    f.loads.run(0);
}

BOOST_AUTO_TEST_CASE(a_close_waits_for_calls_and_for_jobs)
{
    fixture f;
    f.here->submit({.what = tokenize{"x"}, .stop = {}});
    f.worker.post([] {});
    f.worker.post([&] { f.calls.clear(); }); // dropped, which answers it
    f.here->close([](const std::string&) {});
    BOOST_TEST(f.loads.size() == 0U);
    f.runs.run(1);
    BOOST_TEST(f.loads.size() == 0U); // a job is left
    f.runs.run(0);
    BOOST_TEST_REQUIRE(f.loads.size() == 1U);
    BOOST_TEST(!f.closed);
    f.loads.run(0);
    BOOST_TEST(f.closed);
}
