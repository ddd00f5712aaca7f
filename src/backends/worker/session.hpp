#pragma once
// One worker: its process, what is said with it, and the calls that it has or that wait for it.

#include "base/io_thread.hpp"
#include "model/worker_settings.hpp"
#include "worker/call_queue.hpp"
#include "worker/conversation.hpp"
#include "worker/last_words.hpp"
#include "worker/outcome_reader.hpp"
#include "worker/process.hpp"
#include "worker/supervisor.hpp"
#include <warmd/backend.hpp>
#include <warmd/log.hpp>

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

namespace warmd::worker {

/// What a session is about.
struct assignment {
    std::string kind, key; ///< of the model
    std::string model;     ///< as model_text()
    launch how;
    std::string sandbox; ///< what is in force
    patience with;
    std::uint64_t restarts = 0;
};

/// A shell: what happens is told to the supervisor, and done as it says. All of it is on the
/// executor of the worker thread, but for the functions that say otherwise. It lives for as long as
/// its process.
class session : public std::enable_shared_from_this<session> {
public:
    struct listeners {
        std::function<void(std::uint64_t done, std::uint64_t total)> progress;
        std::function<void(failure why)> lost; ///< once, if it fails after it has loaded
    };

    session(io_executor executor, assignment what, listeners told, logger log);

    // Any thread.
    /// Call once, first.
    void start();
    /// Completes the call, sooner or later.
    void submit(call what);
    void stop();
    worker_status status() const;
    std::size_t running() const noexcept { return running_.load(std::memory_order_relaxed); }

    // Any thread but the executor's, once each.
    /// Waits until it has loaded, or says why it has not; it ends then.
    result<loaded_model> wait_until_loaded() { return loaded_.get_future().get(); }
    /// Waits until nothing of its process group is left. How it ended, if nobody asked it to.
    void wait_until_gone();

private:
    struct pending {
        call what;
        std::optional<request_id> asked;    // of the worker
        std::optional<distributions> first; // of a divergence: the view `from`
        std::optional<std::stop_callback<std::function<void()>>> on_stop = {};
    };
    using number = call_queue::number;

    // the process
    void begin();
    void apply(const effects& all);
    void perform(const effect::say& what);
    void perform(const effect::terminate&);
    void perform(const effect::kill&);
    void perform(const effect::serve&);
    void perform(const effect::fail& what);
    void wake_later();
    void read_out();
    void read_err();
    bool take_out();
    bool take_err();
    void write();
    void watch_end();
    void end();
    void describe(const std::string& trouble);

    // what it says
    void take(const conversation::event& what);
    void take_reply(const conversation::reply& what);
    void take_control(effect::message which, const conversation::reply& what);
    result<void> take_answer(effect::message which, const json_node& answer);
    void take_note(const conversation::note& what);
    void take_token(const json_node& params);
    void take_progress(const json_node& params);
    void violated(const std::string& what);

    // calls
    void accept(call what);
    std::optional<failure> objection(const call& what) const;
    void pump();
    void ask(number which, const call_text& text);
    void take_outcome(number which, const conversation::reply& what);
    void take_divergence(number which, distributions found);
    void complete(number which, result<outcome> told);
    void cancel(number which);

    const io_executor executor_;
    const assignment what_;
    listeners told_;
    const logger log_;

    supervisor supervisor_;
    conversation conversation_;
    std::optional<process> process_;
    io_descriptor in_, out_, err_, ended_;
    io_timer alarm_;
    std::string unsent_;
    std::size_t sent_ = 0; // of unsent_
    bool writing_ = false; // it takes no more: the system tells when it does
    last_words last_;

    abilities has_;
    loaded_model loaded_model_;
    std::map<request_id, effect::message> control_;
    std::map<request_id, number> asked_; // calls that it has; those given up included
    std::map<number, pending> calls_;
    call_queue waiting_;
    number last_number_ = 0;
    std::optional<failure> failed_; // what every call is told from then on
    bool served_ = false;

    std::atomic<std::size_t> running_ = 0;
    std::promise<result<loaded_model>> loaded_;
    std::promise<void> gone_;
    mutable std::mutex mutex_; // of status_
    worker_status status_;
};

} // namespace warmd::worker
