#pragma once
// Worker threads without threads: jobs lie in a pool until somebody picks one to run. A job that is
// not picked is a thread that hangs.

#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace warmd::test {

/// Jobs in the order in which they were posted; any of them can be run next.
class job_pool : public boost::asio::execution_context {
public:
    class executor;

    ~job_pool()
    {
        jobs_.clear();
        shutdown();
        destroy();
    }
    std::size_t size() const { return jobs_.size(); }
    /// From now on, or no longer, there is no memory for another job.
    void refuse(bool all) { refuses_ = all; }
    void run(std::size_t index)
    {
        const auto next = std::move(jobs_[index]);
        jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(index));
        (*next)();
    }
    executor get_executor();

private:
    struct any_job {
        virtual ~any_job() = default;
        virtual void operator()() = 0;
    };
    template <class Function>
    struct posted final : any_job {
        explicit posted(Function f) : function(std::move(f)) {}
        void operator()() override { function(); }
        Function function;
    };
    std::vector<std::unique_ptr<any_job>> jobs_; // jobs can be moved only
    bool refuses_ = false;
};

/// Executes by putting into the pool, never at once.
class job_pool::executor {
public:
    explicit executor(job_pool& pool) : pool_(&pool) {}

    template <class Function>
    void execute(Function f) const
    {
        if (pool_->refuses_)
            throw std::bad_alloc();
        pool_->jobs_.push_back(std::make_unique<posted<Function>>(std::move(f)));
    }
    boost::asio::execution_context& query(boost::asio::execution::context_t) const noexcept
    {
        return *pool_;
    }
    executor require(boost::asio::execution::blocking_t::never_t) const noexcept { return *this; }
    static constexpr boost::asio::execution::blocking_t query(
        boost::asio::execution::blocking_t) noexcept
    {
        return boost::asio::execution::blocking.never;
    }
    friend bool operator==(const executor& a, const executor& b) noexcept
    {
        return a.pool_ == b.pool_;
    }
    friend bool operator!=(const executor& a, const executor& b) noexcept
    {
        return a.pool_ != b.pool_;
    }

private:
    job_pool* pool_;
};

inline job_pool::executor job_pool::get_executor() { return executor(*this); }

} // namespace warmd::test
