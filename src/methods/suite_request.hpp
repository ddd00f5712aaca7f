#pragma once
// A suite to be run, once its parameters are read.

#include "evaluation/suite.hpp"
#include "methods/requests.hpp"

#include <warmd/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace warmd {

struct suite_request {
    json::value suite; ///< JSON form
    std::optional<model_spec> model;
    std::optional<evaluation::mode> mode;
    std::vector<std::string> only; ///< names of entries; none: all
    about_request about;
};

} // namespace warmd
