#pragma once
// What one rendering takes: steps, memory, nesting; and its objects, which end with it.

#include "chat/template_bounds.hpp"
#include "chat/template_failure.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <new>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace warmd::chat {

class workspace;

/// Text under construction, counted. Take its allocator from workspace::memory().
using text_buffer = std::pmr::string;

/// Part of a rendering's values, shared by reference count. Never shared between threads.
class object {
public:
    object() = default;
    object(const object&) = delete;
    object& operator=(const object&) = delete;
    /// Drops the values it has, so that no cycle outlives a rendering.
    virtual void clear() = 0;

    void retain() { ++refs_; }
    inline void release();

protected:
    virtual ~object() = default;

private:
    friend class workspace;
    workspace* home_ = nullptr;
    object* before_ = nullptr;
    object* after_ = nullptr;
    std::uint32_t refs_ = 0;
    std::uint32_t size_ = 0;
};

/// Steps, memory and nesting of one rendering. Each refusal is a fault `bound` that names what was
/// exceeded.
class workspace {
public:
    workspace(const template_bounds& bounds, std::stop_token cancelled)
        : bounds_(bounds), cancelled_(std::move(cancelled)), steps_left_(bounds.steps),
          memory_(bounds.memory)
    {
    }
    ~workspace();
    workspace(const workspace&) = delete;
    workspace& operator=(const workspace&) = delete;

    const template_bounds& bounds() const { return bounds_; }
    std::pmr::memory_resource* memory() { return &memory_; }
    text_buffer buffer() { return text_buffer(&memory_); }

    /// Takes so many steps.
    void charge(std::uint64_t steps = 1)
    {
        if (steps > steps_left_ || ++charges_ % 1024 == 0)
            charge_slowly(steps);
        steps_left_ -= steps;
    }
    void charge_bytes(std::size_t bytes) { charge(bytes / 64 + 1); }
    void charge_elements(std::size_t elements) { charge(elements / 8 + 1); }
    /// Refuses a text of more bytes than there may be; charges for one that is made.
    void check_text(std::size_t bytes);
    /// The same of `count` times `bytes`, which may be more than a size_t holds.
    void check_text(std::size_t count, std::size_t bytes);

    /// A new object, with one reference to it.
    template <class T, class... Args>
    T* make(Args&&... args)
    {
        void* place = memory_.allocate(sizeof(T), alignof(std::max_align_t));
        T* made = nullptr;
        try {
            made = new (place) T(std::forward<Args>(args)...);
        } catch (...) {
            memory_.deallocate(place, sizeof(T), alignof(std::max_align_t));
            throw;
        }
        adopt(made, sizeof(T));
        return made;
    }

    /// So deep in nested evaluations, while it lives.
    class level {
    public:
        explicit level(workspace& of) : of_(of)
        {
            if (++of_.evaluations_ > of_.bounds_.evaluations)
                of_.too_deep();
        }
        ~level() { --of_.evaluations_; }
        level(const level&) = delete;
        level& operator=(const level&) = delete;

    private:
        workspace& of_;
    };
    /// Refuses values nested so deep.
    void check_depth(std::size_t depth) const;

private:
    friend class object;

    class counted_memory : public std::pmr::memory_resource {
    public:
        explicit counted_memory(std::size_t most) : most_(most) {}

    private:
        void* do_allocate(std::size_t bytes, std::size_t alignment) override;
        void do_deallocate(void* place, std::size_t bytes, std::size_t alignment) override;
        bool do_is_equal(const memory_resource& other) const noexcept override
        {
            return this == &other;
        }
        std::size_t most_;
        std::size_t used_ = 0;
    };

    void charge_slowly(std::uint64_t steps);
    [[noreturn]] void too_deep();
    void adopt(object* made, std::size_t size);
    void bury(object* dead);
    void destroy(object* dead);

    template_bounds bounds_;
    std::stop_token cancelled_;
    std::uint64_t steps_left_;
    std::uint64_t charges_ = 0;
    std::size_t evaluations_ = 0;
    counted_memory memory_;
    object* living_ = nullptr; // a list, by after_
    object* dead_ = nullptr;   // a list, by after_
    bool burying_ = false;
};

inline void object::release()
{
    if (--refs_ == 0)
        home_->bury(this);
}

} // namespace warmd::chat
