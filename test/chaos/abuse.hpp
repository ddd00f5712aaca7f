#pragma once
// Clients as no daemon deserves them. Each does its worst once and returns; what it was told it
// throws away.

#include <cstddef>
#include <random>
#include <string>
#include <vector>

namespace warmd::chaos {

/// What all abusers have at hand.
struct surroundings {
    std::string socket;
    std::string conversation;           ///< a few sound requests, to be cut anywhere
    std::vector<std::string> long_work; ///< sound requests that take a while, ids 0, 1, ...
    std::string config;                 ///< the daemon's configuration file
    std::string adapter;                ///< a symbolic link to one of the two
    std::string first_adapter, second_adapter;
    int daemon = 0; ///< process id
};

/// Long generations, streamed and not, and requests of hundreds of prompts, urgent and not.
std::vector<std::string> long_work(const std::string& base, const std::string& adapter);

using abuser = void (*)(const surroundings&, std::minstd_rand&);

void send_half_a_conversation(const surroundings&, std::minstd_rand&);
void hang_up_at_once_after_asking(const surroundings&, std::minstd_rand&);
void never_read(const surroundings&, std::minstd_rand&);
void flood_with_nonsense(const surroundings&, std::minstd_rand&);
void open_many_connections(const surroundings&, std::minstd_rand&);
void cancel_at_random(const surroundings&, std::minstd_rand&);
void cancel_long_work(const surroundings&, std::minstd_rand&);
void leave_long_work(const surroundings&, std::minstd_rand&);
void ask_for_models_that_fail(const surroundings&, std::minstd_rand&);
void move_the_adapter(const surroundings&, std::minstd_rand&);
void rewrite_the_configuration(const surroundings&, std::minstd_rand&);

} // namespace warmd::chaos
