#pragma once
// Who decides what the next step of the forward pass holds, for all resident base models.
//
// Each client (a connection) that has something to do gets the same share of the machine's time,
// however many requests it has in flight. It has a counter of the seconds it was charged: those
// that a step took are shared among its clients by rows, and who has the least counter is served
// next (virtual token counters: Sheng et al. 2024, "Fairness in Serving Large Language Models",
// alg. 2; a prefix that is there already is charged to nobody: Cao et al. 2025, "Locality-aware
// Fair Scheduling in LLM Serving"). What a client leaves unused earns it the credit of one step and
// no more, as deficit round robin resets the deficit of an empty queue (Shreedhar & Varghese 1996,
// §3).

#include <warmd/backend.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

namespace warmd::hf {

/// Makes one step after the other: next(), stepped(), next(), … A step holds sequences of one base.
///
/// In it: one row for each generation under way of that base, and then prompts, dealt among its
/// clients in quanta, least counter first; a client's own are served in the order they arrived in,
/// and cut where the rows end. Generations leave prompts a quantum of the rows. Sequences of batch
/// priority are in a step only if no interactive one can go, or nineteen steps went by without
/// them; such a step has interactive generations, and no other interactive rows.
///
/// Whom it waits for. A client's sequences of one base and priority are a line; let there be n of
/// that priority. A line with something that can go has rows within 11 (n + 2) steps, if it is
/// interactive, and 200 (n + 2), if it is batch: every tenth step of a priority is led by the line
/// that has waited longest, whatever the counters say. A newcomer (a client that had nothing to do,
/// and owes nothing) leads the next step, or shares it if it is of the same base as the one that
/// leads; before it come other newcomers, the tenth step and batch's.
///
/// A lone client, beside whom nobody had anything to do for a hundred steps, has its prompts in
/// steps of `lone_steps` times the length, so that there are fewer of them: the first to come meets
/// one of these, and then all have the ordinary length again.
///
/// Memory. The first sequence for which there is no room is waited for: no other of its priority
/// begins before it, so that the large are served too; nor one of batch, if it is interactive.
/// Nothing stands behind a batch sequence but batch: it has room when interactive ones leave some.
///
/// A step costs what it holds, and the number of lines; not what else waits. Not thread-safe.
class step_planner {
public:
    using base_id = std::uint64_t;   ///< a resident base model
    using client_id = std::uint64_t; ///< call::origin
    using sequence_id = std::uint64_t;

    struct limits {
        double step_seconds = 0.05; ///< what a step should take
        double lone_steps = 1;      ///< of those, what a step of a lone client's prompts may take
        std::size_t least_rows = 32, most_rows = 512;
        std::size_t even_rows = 1; ///< that all cores have the same of: longer steps have a
                                   ///< multiple of it; at most most_rows
    };
    struct arrival {
        sequence_id id = 0; ///< no other's
        base_id base = 0;
        client_id client = 0;
        call_priority priority = call_priority::interactive;
        std::size_t tokens = 0; ///< of its prompt; >= 1
    };
    struct share {
        sequence_id id = 0;
        std::size_t tokens = 0; ///< the next so many of it
    };
    struct step {
        base_id base = 0;
        std::vector<share> shares; ///< one for each sequence; generations first
    };
    /// What is said of a sequence that is about to have its first tokens in a step.
    struct beginning {
        enum class kind {
            begun,   ///< memory is set aside for it
            no_room, ///< there is none for it now: it is asked about again
            later, ///< it waits for what another computes: others may go before it. REQUIRES: that
                   ///< one has begun, and is not less urgent
        } what = kind::begun;
        std::size_t positions = 0; ///< begun: that many of its tokens are there already; fewer than
                                   ///< it has
    };
    using begin = std::function<beginning(sequence_id)>;

    explicit step_planner(limits how) : limits_(how) {}
    step_planner(const step_planner&) = delete;
    step_planner& operator=(const step_planner&) = delete;

    void arrive(const arrival& what);
    /// The next step; nothing: nobody has anything to do, or all wait for room or for one another.
    /// Asks about each sequence at most once. REQUIRES: the step before it has ended.
    std::optional<step> next(const begin& ask);
    /// The step that next() gave has ended, after so long.
    void stepped(double seconds);
    /// It drew a token, which is to be fed: a generation under way. REQUIRES: between steps, and
    /// all its tokens were in steps.
    void grow(sequence_id id);
    /// It has ended, or is given up. REQUIRES: between steps.
    void leave(sequence_id id);
    /// A base that is no longer resident. REQUIRES: it has no sequences.
    void forget(base_id base) { rates_.erase(base); }

    bool empty() const { return sequences_.empty(); }
    /// Tokens of all prompts of that priority that are in no step yet.
    std::size_t waiting_tokens(call_priority of) const { return clients(of).tokens; }
    /// Tokens of this sequence's prompt that are in no step yet. 0 if there is no such sequence.
    std::size_t waiting_tokens(sequence_id of) const;
    /// Of a step of this base, at most: about what it does in `step_seconds` at the rate measured.
    std::size_t rows(base_id base) const { return rows_in(base, limits_.step_seconds); }
    /// Those that have something to do, and those that are remembered for what they were charged.
    std::size_t known_clients() const;

private:
    struct account;
    struct line;
    struct sequence {
        arrival what;
        line* in = nullptr;
        std::size_t left = 0;   // tokens to feed: of its prompt, or the one it drew
        std::uint64_t turn = 0; // its place in the queue that it is in
        bool grows = false;
        std::uint64_t step = 0; // the last that it was in, and where
        std::size_t share = 0;
    };
    using queue = std::map<std::uint64_t, sequence*>; // by turn

    // A client's sequences of one base.
    struct line {
        account* of = nullptr;
        base_id base = 0;
        std::uint64_t turn = 0; // of its first arrival
        std::size_t sequences = 0;
        queue waiting{};          // have not begun
        sequence* open = nullptr; // has begun, and has tokens of its prompt to feed
        queue growing{};          // generations with a token to feed
        std::uint64_t since = 0;  // the step that last served it, or before which it had no work
        // For the step that is being made:
        std::uint64_t asked = 0; // of those that wait, up to which turn
        std::size_t later = 0;   // how many of those were to come later
        bool stuck = false;      // none of those that wait can go
        bool fed = false;        // with tokens of prompts

        bool ready() const { return open || !growing.empty() || !waiting.empty(); }
    };
    struct account {
        client_id client = 0;
        double counter = 0;   // seconds
        std::size_t rows = 0; // in the step under way
        std::map<base_id, line> lines;
    };
    struct remembered {
        double counter = 0;
        std::uint64_t since = 0; // step
    };
    // The clients of one priority.
    struct clientele {
        std::map<client_id, account> active;
        std::map<client_id, remembered> idle;
        double level = 0;            // the least counter of those who were passed over
        sequence* refused = nullptr; // the first that there was no room for
        std::size_t tokens = 0;      // of prompts, in no step yet
        std::uint64_t steps = 0;

        bool ready() const; // something to feed
    };
    // A line's claim to be served: the least is served first.
    struct claim {
        double counter;
        std::uint64_t since;
        std::uint64_t turn;
        line* of;

        auto operator<=>(const claim&) const = default;
    };
    // A step that is being made.
    struct making {
        line* first; // who leads it
        const begin& ask;
        std::size_t rows;   // at most
        double row_seconds; // what each is thought to take
        step made;
        std::size_t used = 0; // rows
    };

    clientele& clients(call_priority of) { return clients_[static_cast<std::size_t>(of)]; }
    const clientele& clients(call_priority of) const
    {
        return clients_[static_cast<std::size_t>(of)];
    }
    account& account_of(clientele& all, client_id client);
    void retire(clientele& all, account& whose);
    double row_seconds(base_id base) const;
    std::size_t rows_in(base_id base, double seconds) const;
    bool is_lone();

    line* leader(clientele& among, const begin& ask);
    sequence* candidate(line& of) const;
    bool begin_next(line& of, const begin& ask);
    void open(sequence& which, std::size_t positions);
    step make(call_priority priority, making now);
    void deal_generations(making& now, clientele& to, std::size_t limit);
    void deal_prompts(making& now, clientele& to);
    bool feed_prompt(making& now, line& of);
    void put(making& now, sequence& which, std::size_t tokens);
    static std::vector<line*> lines_of(const making& now, clientele& all);
    static claim claim_in(const making& now, line& of, bool first);
    void settle(const making& now, clientele& own);

    const limits limits_;
    clientele clients_[2]; // by priority
    std::unordered_map<sequence_id, sequence> sequences_;
    std::map<base_id, double> rates_; // rows per second
    std::uint64_t turns_ = 0;
    std::uint64_t steps_ = 0;
    std::uint64_t company_ = 0; // until that step nobody counts as lone
    std::size_t passed_ = 0;    // steps since batch had one, while it had something to feed
    std::size_t used_ = 0;      // rows of the step under way
    base_id under_way_ = 0;     // its base
};

} // namespace warmd::hf
