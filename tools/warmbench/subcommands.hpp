#pragma once
// What main() can dispatch to. `arguments[0]` is the subcommand's name; each returns the exit status and may throw.

namespace warmbench {

int wire(int count, char** arguments);
int compare(int count, char** arguments);
int footprint(int count, char** arguments);

} // namespace warmbench
