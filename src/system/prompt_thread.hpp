#pragma once
// Threads that answer beside threads that compute.

namespace warmd {

/// The calling thread, where there is something for it to do, soon runs beside those that compute
/// without a pause: it asks for turns of 0.1 ms, which cut others' turns short, and gets no more of
/// the processor in all (sched_setattr(2), sched_runtime, as Linux has it from 6.12 on). Elsewhere
/// nothing changes.
void run_promptly() noexcept;

} // namespace warmd
