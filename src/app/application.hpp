#pragma once
// The composition root: puts the parts together, runs them, and takes them apart in order.

#include "app/configuration.hpp"
#include "app/options.hpp"
#include "system/log_setup.hpp"
#include "system/service_manager.hpp"

namespace warmd {

/// 2: a mistake on the command line or in the configuration file.
enum exit_status { served = 0, could_not_serve = 1, stuck = 3 };

/// Serves until told to stop; the exit status. Does not return if something cannot be ended in
/// order: the log names it, and the process is gone. `reread`: the options as the configuration
/// file has them by then. Throws std::system_error if the system does not grant what is needed to
/// begin: threads, timers, sockets.
int serve(const daemon_options& options, configuration::reader reread, service_manager manager,
          process_log& log);

} // namespace warmd
