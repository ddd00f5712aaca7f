#pragma once
// The configuration file: named models, limits, and what to load and keep. tools/warmd.conf.example
// shows all of it.
//
// JSON with // and /* */ comments and trailing commas, at most 1 MiB, of these members, none of
// them required:
//   models   {name: ModelSpec}. A name has no white space or control characters and does not begin
//   with '/'.
//            Paths: an adapter that is no absolute path, and a base that is ".", ".." or begins
//            with "./" or "../", are relative to the file's directory. Any other base is a name
//            that its kind understands. "~" is refused: whose home?
//   workers  {kind: {command, env, paths, …}}. Engines in processes of their own; see
//            worker_settings.hpp.
//   limits   {option: value}. The daemon's options about residency and clients, with _ for -;
//   values as on the command
//            line, or plain numbers.
//   access   {option: value or [values]}. The daemon's options on who may use it and for what,
//   likewise. preload  [names], loaded in this order when the daemon starts and when the file is
//   read again. pin      [names], loaded before those and never unloaded to make room.

#include "model/worker_settings.hpp"
#include <warmd/model_spec.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace warmd {

using named_models = std::map<std::string, model_spec, std::less<>>;

/// One option as it was written. What it means, and whether that is allowed, is for the daemon's
/// option of this name (options.hpp).
struct setting {
    std::string name;
    std::string value;
    std::string place; ///< "file:line:column"
};

struct config_file {
    named_models models;
    worker_kinds workers;
    std::vector<setting> limits;
    std::vector<setting> access; ///< an option that is an array stands here once for each value
    std::vector<std::string> preload; ///< each is in models
    std::vector<std::string> pin;     ///< each is in models
};

/// Reads `text`, the content of the file at `path` (absolute). invalid_params says file, line,
/// column, what was found and what is allowed.
result<config_file> parse_config(std::string_view text, const std::string& path);
/// Reads the file. invalid_params, too, if it cannot be read. Blocks: worker threads only, once the
/// daemon serves.
result<config_file> read_config(const std::string& path);

/// What a new file means for each name.
struct model_changes {
    std::vector<std::string> added, removed, changed, unchanged; ///< each in byte order
};
model_changes compare(const named_models& before, const named_models& after);

} // namespace warmd
