#pragma once
// Clients as no daemon deserves them. Each does its worst once and returns; what it was told it
// throws away.

#include <cstddef>
#include <random>
#include <string>

namespace warmd::chaos {

/// What all abusers have at hand.
struct surroundings {
    std::string socket;
    std::string conversation; ///< a few sound requests, to be cut anywhere
    std::string config;       ///< the daemon's configuration file
    std::string adapter;      ///< a symbolic link to one of the two
    std::string first_adapter, second_adapter;
    int daemon = 0; ///< process id
};

using abuser = void (*)(const surroundings&, std::minstd_rand&);

void send_half_a_conversation(const surroundings&, std::minstd_rand&);
void hang_up_at_once_after_asking(const surroundings&, std::minstd_rand&);
void never_read(const surroundings&, std::minstd_rand&);
void flood_with_nonsense(const surroundings&, std::minstd_rand&);
void open_many_connections(const surroundings&, std::minstd_rand&);
void cancel_at_random(const surroundings&, std::minstd_rand&);
void ask_for_models_that_fail(const surroundings&, std::minstd_rand&);
void move_the_adapter(const surroundings&, std::minstd_rand&);
void rewrite_the_configuration(const surroundings&, std::minstd_rand&);

} // namespace warmd::chaos
