// Writes what a shell offers behind warmctl: `completions bash`, zsh or fish.

#include "warmctl/completions.hpp"

#include <iostream>
#include <string_view>

int main(int count, char** words)
{
    using namespace warmd::ctl;
    const std::string_view shell = count == 2 ? words[1] : "";
    const auto by = warmd::schema::daemon_contract();
    if (shell == "bash")
        std::cout << bash_completion(by);
    else if (shell == "zsh")
        std::cout << zsh_completion(by);
    else if (shell == "fish")
        std::cout << fish_completion(by);
    else
        return 2;
    return std::cout.flush() ? 0 : 1;
}
