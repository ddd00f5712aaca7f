#pragma once
// What main() can dispatch to. `arguments[0]` is the subcommand's name; each returns the exit
// status and may throw.

namespace warmbench {

int wire(int count, char** arguments);
int compare(int count, char** arguments);
int scale(int count, char** arguments);
int footprint(int count, char** arguments);
int make_model(int count, char** arguments);
int score(int count, char** arguments);
int generate(int count, char** arguments);
int load(int count, char** arguments);
int divergence(int count, char** arguments);
int flood(int count, char** arguments);
int share(int count, char** arguments);
int tokenize(int count, char** arguments);

} // namespace warmbench
