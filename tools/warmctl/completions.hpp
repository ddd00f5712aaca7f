#pragma once
// What shells offer behind `warmctl`: made from the commands and the methods' contract.

#include "warmctl/commands.hpp"

#include <string>

namespace warmd::ctl {

std::string bash_completion(const schema::contract& by);
std::string zsh_completion(const schema::contract& by);
std::string fish_completion(const schema::contract& by);

} // namespace warmd::ctl
