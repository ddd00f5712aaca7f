#pragma once
// One string for a model and for how it is looked at:
//
//   NAME    NAME:base    NAME@0.5    NAME:null-1000
//
// NAME is a name of the configuration file, or the absolute path of a base or of an adapter.

#include "model/config_file.hpp"
#include <warmd/backend.hpp>

#include <optional>
#include <string_view>

namespace warmd {

/// A name taken apart.
struct model_name {
    std::string_view model;      ///< without the view
    std::optional<view> through; ///< nothing: the name says nothing of it
};

/// `text` taken apart at its last ':' or '@', if a view follows: ":base", ":null-" and a seed below
/// 2^64, or '@' and the finite number that scales the adapter's part. Else all of it is the model,
/// as both characters may well stand in a path.
model_name parse_model_name(std::string_view text) noexcept;

/// What a name stands for.
struct named_model {
    model_spec spec;
    std::optional<view> through;
};

/// The model that `text` names. A configured name comes before all else, even one that looks as if
/// it ended in a view; a directory that does can be given by a ModelSpec only. not_found tells some
/// of the configured names; invalid_params: a path with NUL in it.
result<named_model> find_model(std::string_view text, const named_models& configured);

} // namespace warmd
