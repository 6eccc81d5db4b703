// Lets g++ compile and run the CUDA sources of kernels/. Forced in with -include; the kernels know
// nothing of it. tests/emulator.py writes the translation unit around a kernel and calls it.
//
// A CUDA thread is a fiber. Fibers run one at a time, in an order shuffled anew in every pass, and
// switch only where a thread waits: barriers, warp operations, __nanosleep. So a missing barrier
// shows as a wrong result under some seeds, a barrier that not all reach as an error.
//
// What it cannot show: races between threads that meet at no barrier (a plain read, change and
// write is never interrupted), missing fences between blocks (memory is sequentially consistent),
// bank conflicts, occupancy, and anything about speed. Blocks run one after the other unless the
// launch is cooperative. Of CUDA's functions only those below exist; any other is a compile error.
// Functions of kernels/ptx.cuh (inline PTX) are taken from tests/ptx_on_cpu.cuh instead.
#pragma once

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x = 1, y = 1, z = 1; };

inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;
constexpr int warpSize = 32;

#define CUSNN_VECTOR2(name, type)                                  \
    struct __align__(2 * sizeof(type)) name { type x, y; };        \
    inline name make_##name(type x, type y) { return {x, y}; }
#define CUSNN_VECTOR4(name, type)                                                  \
    struct __align__(4 * sizeof(type) > 16 ? 16 : 4 * sizeof(type)) name {         \
        type x, y, z, w;                                                           \
    };                                                                             \
    inline name make_##name(type x, type y, type z, type w) { return {x, y, z, w}; }
CUSNN_VECTOR2(float2, float)
CUSNN_VECTOR2(int2, int)
CUSNN_VECTOR2(uint2, unsigned)
CUSNN_VECTOR2(short2, short)
CUSNN_VECTOR2(ushort2, unsigned short)
CUSNN_VECTOR2(longlong2, long long)
CUSNN_VECTOR2(ulonglong2, unsigned long long)
CUSNN_VECTOR2(double2, double)
CUSNN_VECTOR4(float4, float)
CUSNN_VECTOR4(int4, int)
CUSNN_VECTOR4(uint4, unsigned)
CUSNN_VECTOR4(char4, signed char)
CUSNN_VECTOR4(uchar4, unsigned char)
#undef CUSNN_VECTOR2
#undef CUSNN_VECTOR4

namespace emulator {

// ------------------------------------------------------------------ fibers

constexpr std::size_t STACK_BYTES = 128 * 1024;

#if defined(__x86_64__)
// Saves the callee-saved registers on the old stack and takes them from the new one; swapcontext
// would make two system calls for it.
extern "C" void cusnn_switch_stack(void** save, void* load);
asm(".text\n"
    ".type cusnn_switch_stack, @function\n"
    "cusnn_switch_stack:\n"
    "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
    "  movq %rsp, (%rdi)\n"
    "  movq %rsi, %rsp\n"
    "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
    "  ret\n");

struct Context {
    void* sp = nullptr;
    void prepare(char* stack, void (*entry)()) {
        auto top = reinterpret_cast<std::uintptr_t>(stack + STACK_BYTES) & ~std::uintptr_t(15);
        void** slot = reinterpret_cast<void**>(top) - 2;  // entry finds rsp as after a call
        *slot = reinterpret_cast<void*>(entry);
        sp = slot - 6;
        std::memset(sp, 0, 6 * sizeof(void*));
    }
    static void change(Context& from, Context& to) { cusnn_switch_stack(&from.sp, to.sp); }
};
#else
}  // namespace emulator
#include <ucontext.h>
namespace emulator {
struct Context {
    ucontext_t context;
    void prepare(char* stack, void (*entry)()) {
        getcontext(&context);
        context.uc_stack.ss_sp = stack;
        context.uc_stack.ss_size = STACK_BYTES;
        context.uc_link = nullptr;
        makecontext(&context, entry, 0);
    }
    static void change(Context& from, Context& to) { swapcontext(&from.context, &to.context); }
};
#endif

enum class State { NEW, RUNNABLE, AT_BARRIER, AT_WARP, DONE };

struct Block;

struct Fiber {
    Context context;
    char* stack = nullptr;
    void* fake_stack = nullptr;
    State state = State::NEW;
    uint3 thread{};
    unsigned rank = 0;
    Block* block = nullptr;
    const char* place = "";       // where it waits
    int line = 0;
    int vote = 0;                 // its predicate at __syncthreads_count and the like
    int votes = 0;                // the block's answer
    std::uint64_t values[32];     // what every lane of its last warp operation brought
    unsigned arrived = 0;
};

// Lanes that have come to a warp operation with the same mask and wait for the rest.
struct Meeting {
    unsigned mask = 0, arrived = 0;
    int line = 0;
    std::uint64_t values[32];
};

struct Block {
    uint3 index{};
    std::vector<Fiber> fibers;
    std::vector<std::vector<Meeting>> meetings;  // per warp
    std::map<std::pair<int, std::size_t>, std::unique_ptr<char[]>> shared;
    std::unique_ptr<char[]> dynamic;
    unsigned done = 0;
};

struct Machine {
    Context scheduler;
    Fiber* current = nullptr;
    void (*body)(void*) = nullptr;
    void* argument = nullptr;
    std::vector<char*> stacks;
    std::string error;
    std::uint64_t random = 1;
    std::size_t dynamic_bytes = 0;
    const void* scheduler_stack = nullptr;
    std::size_t scheduler_bytes = 0;
};
inline Machine machine;

inline std::uint64_t next_random() {
    machine.random ^= machine.random << 13;
    machine.random ^= machine.random >> 7;
    machine.random ^= machine.random << 17;
    return machine.random;
}

inline void to_scheduler() {
    Fiber& fiber = *machine.current;
#ifdef __SANITIZE_ADDRESS__
    bool last = fiber.state == State::DONE;
    __sanitizer_start_switch_fiber(last ? nullptr : &fiber.fake_stack, machine.scheduler_stack,
                                   machine.scheduler_bytes);
#endif
    Context::change(fiber.context, machine.scheduler);
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(fiber.fake_stack, &machine.scheduler_stack,
                                    &machine.scheduler_bytes);
#endif
}

// Ends the launch with a message; the fiber is never resumed.
[[noreturn]] inline void fail(const std::string& what) {
    Fiber& fiber = *machine.current;
    machine.error = what + " (block " + std::to_string(fiber.block->index.x) + ", thread " +
                    std::to_string(fiber.rank) + ")";
    for (;;) to_scheduler();
}

inline void enter() {
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(nullptr, &machine.scheduler_stack, &machine.scheduler_bytes);
#endif
    machine.body(machine.argument);
    machine.current->state = State::DONE;
    to_scheduler();
    std::abort();
}

// ---------------------------------------------------------------- barriers

inline unsigned lane() { return machine.current->rank % 32; }

inline int sync_block(const char* file, int line, int vote) {
    Fiber& fiber = *machine.current;
    fiber.state = State::AT_BARRIER;
    fiber.place = file;
    fiber.line = line;
    fiber.vote = vote;
    to_scheduler();
    return fiber.votes;
}

// Lets the block go on once every thread that has not returned waits at the same barrier.
inline bool release_barrier(Block& block) {
    const Fiber* first = nullptr;
    int votes = 0;
    for (const Fiber& fiber : block.fibers) {
        if (fiber.state == State::DONE) continue;
        if (fiber.state != State::AT_BARRIER) return false;
        if (!first) first = &fiber;
        if (fiber.line != first->line || std::strcmp(fiber.place, first->place) != 0) {
            machine.error = std::string("threads wait at different barriers: ") + first->place +
                            ":" + std::to_string(first->line) + " and " + fiber.place + ":" +
                            std::to_string(fiber.line);
            return false;
        }
        votes += fiber.vote != 0;
    }
    if (!first) return false;
    for (Fiber& fiber : block.fibers) {
        if (fiber.state == State::DONE) continue;
        fiber.state = State::RUNNABLE;
        fiber.votes = votes;
    }
    return true;
}

// All lanes of the mask bring a value and leave with everybody's.
inline const std::uint64_t* meet(unsigned mask, std::uint64_t value, int line) {
    Fiber& fiber = *machine.current;
    unsigned me = lane(), first = fiber.rank - me;
    if (!(mask >> me & 1)) fail("a warp operation's mask leaves out the calling lane");
    auto& pending = fiber.block->meetings[first / 32];
    Meeting* meeting = nullptr;
    for (Meeting& other : pending)
        if (other.mask == mask) meeting = &other;
    if (!meeting) {
        pending.push_back({});
        meeting = &pending.back();
        meeting->mask = mask;
        meeting->line = line;
    }
    if (meeting->line != line) fail("lanes of one warp wait at different warp operations");
    meeting->values[me] = value;
    meeting->arrived |= 1u << me;
    if (meeting->arrived != mask) {
        fiber.state = State::AT_WARP;
        fiber.line = line;
        fiber.place = "warp operation";
        to_scheduler();
        return fiber.values;
    }
    for (unsigned i = 0; i < 32; i++) {
        if (!(mask >> i & 1)) continue;
        Fiber& other = fiber.block->fibers[first + i];
        std::memcpy(other.values, meeting->values, sizeof other.values);
        other.state = State::RUNNABLE;
    }
    pending.erase(pending.begin() + (meeting - pending.data()));
    return fiber.values;
}

// --------------------------------------------------------------- scheduler

inline void run(Fiber& fiber) {
    if (fiber.state == State::NEW) {
        if (machine.stacks.empty()) machine.stacks.push_back(new char[STACK_BYTES]);
        fiber.stack = machine.stacks.back();
        machine.stacks.pop_back();
#ifdef __SANITIZE_ADDRESS__
        // A launch that ended with an error leaves frames behind that nobody unwound.
        __asan_unpoison_memory_region(fiber.stack, STACK_BYTES);
#endif
        fiber.context.prepare(fiber.stack, enter);
        fiber.state = State::RUNNABLE;
    }
    machine.current = &fiber;
    threadIdx = fiber.thread;
    blockIdx = fiber.block->index;
#ifdef __SANITIZE_ADDRESS__
    void* own = nullptr;
    __sanitizer_start_switch_fiber(&own, fiber.stack, STACK_BYTES);
#endif
    Context::change(machine.scheduler, fiber.context);
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(own, nullptr, nullptr);
#endif
    if (fiber.state == State::DONE) {
        machine.stacks.push_back(fiber.stack);
        fiber.stack = nullptr;
        fiber.block->done++;
    }
}

inline void prepare(Block& block, unsigned index) {
    block.index = {index % gridDim.x, index / gridDim.x % gridDim.y, index / gridDim.x / gridDim.y};
    unsigned threads = blockDim.x * blockDim.y * blockDim.z;
    block.fibers = std::vector<Fiber>(threads);
    block.meetings.resize((threads + 31) / 32);
    for (unsigned i = 0; i < threads; i++) {
        Fiber& fiber = block.fibers[i];
        fiber.rank = i;
        fiber.block = &block;
        fiber.thread = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
    }
    // Shared memory is uninitialised on a GPU: a pattern that is NaN and a large integer.
    block.dynamic.reset(new char[machine.dynamic_bytes + 1]);
    std::memset(block.dynamic.get(), 0xff, machine.dynamic_bytes);
}

inline void describe_deadlock(std::vector<Block>& blocks) {
    for (Block& block : blocks)
        for (Fiber& fiber : block.fibers)
            if (fiber.state == State::AT_WARP || fiber.state == State::AT_BARRIER) {
                machine.error = std::string("deadlock: thread ") + std::to_string(fiber.rank) +
                                " of block " + std::to_string(block.index.x) + " waits at " +
                                fiber.place + ":" + std::to_string(fiber.line) +
                                " for threads that never arrive";
                return;
            }
}

inline void run_blocks(std::vector<Block>& blocks, std::uint64_t spin_limit) {
    std::vector<Fiber*> order;
    for (Block& block : blocks)
        for (Fiber& fiber : block.fibers) order.push_back(&fiber);
    std::uint64_t passes = 0;
    for (;;) {
        for (std::size_t i = order.size(); i > 1; i--)
            std::swap(order[i - 1], order[next_random() % i]);
        bool moved = false, finished = false;
        for (Fiber* fiber : order) {
            if (fiber->state != State::NEW && fiber->state != State::RUNNABLE) continue;
            run(*fiber);
            moved = true;
            finished |= fiber->state == State::DONE;
            if (!machine.error.empty()) return;
        }
        if (finished)
            order.erase(std::remove_if(order.begin(), order.end(),
                                       [](Fiber* f) { return f->state == State::DONE; }),
                        order.end());
        if (order.empty()) return;
        bool released = false;
        for (Block& block : blocks)
            if (block.done < block.fibers.size()) released |= release_barrier(block);
        if (!machine.error.empty()) return;
        if (!moved && !released) return describe_deadlock(blocks);
        passes = released || finished ? 0 : passes + 1;
        if (passes > spin_limit) {
            machine.error = "deadlock: threads spin without progress";
            return;
        }
    }
}

inline void launch(bool cooperative, std::uint64_t spin_limit) {
    unsigned count = gridDim.x * gridDim.y * gridDim.z;
    unsigned together = cooperative ? count : 1;
    for (unsigned start = 0; start < count && machine.error.empty(); start += together) {
        std::vector<Block> blocks(together);
        for (unsigned i = 0; i < together; i++) prepare(blocks[i], start + i);
        run_blocks(blocks, spin_limit);
        for (Block& block : blocks)
            for (Fiber& fiber : block.fibers)
                if (fiber.stack) machine.stacks.push_back(fiber.stack);
    }
}

// ----------------------------------------------------------- shared memory

// emulator.py turns «__shared__ float tile[32];» into «auto& tile = static_shared<float[32]>(id);».
template <class T>
T& static_shared(int id) {
    auto& memory = machine.current->block->shared[{id, sizeof(T)}];
    if (!memory) {
        memory.reset(new char[sizeof(T) + 15]);
        std::memset(memory.get(), 0xff, sizeof(T) + 15);
    }
    auto address = (reinterpret_cast<std::uintptr_t>(memory.get()) + 15) & ~std::uintptr_t(15);
    return *reinterpret_cast<T*>(address);
}

inline void* dynamic_shared() { return machine.current->block->dynamic.get(); }

// ------------------------------------------------------ calling the kernel

struct Parameter {
    int size, pointer, element, kind, constant;  // kind: 0 struct, 1 float, 2 signed, 3 unsigned
};

template <class T>
constexpr int kind_of() {
    if (std::is_floating_point_v<T>) return 1;
    if (std::is_integral_v<T>) return std::is_signed_v<T> ? 2 : 3;
    return 0;
}

template <class P>
Parameter describe() {
    if constexpr (std::is_pointer_v<P>) {
        using E = std::remove_pointer_t<P>;
        using Plain = std::remove_cv_t<E>;
        return {sizeof(P), 1, int(sizeof(Plain)), kind_of<Plain>(), std::is_const_v<E>};
    } else {
        return {sizeof(P), 0, 0, kind_of<P>(), 0};
    }
}

template <auto K>
struct Kernel;
template <class... P, void (*K)(P...)>
struct Kernel<K> {
    static int parameters(Parameter* out) {
        std::vector<Parameter> all{describe<P>()...};
        if (out) std::copy(all.begin(), all.end(), out);
        return int(all.size());
    }
    template <std::size_t... I>
    static void call(void** arguments, std::index_sequence<I...>) {
        K(*static_cast<P*>(arguments[I])...);
    }
    static void body(void* arguments) {
        call(static_cast<void**>(arguments), std::index_sequence_for<P...>{});
    }
    static int start(const unsigned* grid, const unsigned* block, void** arguments,
                     std::size_t dynamic_bytes, int cooperative, std::uint64_t seed,
                     std::uint64_t spin_limit, char* error, std::size_t error_bytes) {
        gridDim = {grid[0], grid[1], grid[2]};
        blockDim = {block[0], block[1], block[2]};
        machine.body = body;
        machine.argument = arguments;
        machine.dynamic_bytes = dynamic_bytes;
        machine.random = seed * 2654435769u + 88172645463325252ull;
        machine.error.clear();
        launch(cooperative != 0, spin_limit);
        std::snprintf(error, error_bytes, "%s", machine.error.c_str());
        return machine.error.empty() ? 0 : 1;
    }
};

template <class T>
std::uint64_t to_bits(T value) {
    static_assert(sizeof(T) <= 8);
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    return bits;
}

template <class T>
T from_bits(std::uint64_t bits) {
    T value;
    std::memcpy(&value, &bits, sizeof(T));
    return value;
}

// The value of another lane of the same segment of `width` lanes; one's own where there is none.
template <class T>
T shuffle(unsigned mask, T value, int source, bool inside, int line) {
    const std::uint64_t* values = meet(mask, to_bits(value), line);
    if (!inside) return value;
    if (!(mask >> source & 1)) fail("a shuffle reads a lane outside its mask");
    return from_bits<T>(values[source]);
}

template <class T>
T shuffle_from(unsigned mask, T value, int source, int width, int line) {
    int base = int(lane()) / width * width;
    return shuffle(mask, value, base + (source & (width - 1)), true, line);
}

template <class T>
T shuffle_offset(unsigned mask, T value, int source, int width, int line) {
    int base = int(lane()) / width * width;
    bool inside = source >= base && source < base + width;
    return shuffle(mask, value, inside ? source : int(lane()), inside, line);
}

template <class F>
unsigned vote(unsigned mask, int predicate, int line, F bit) {
    const std::uint64_t* values = meet(mask, predicate != 0, line);
    unsigned result = 0;
    for (unsigned i = 0; i < 32; i++)
        if (mask >> i & 1 && bit(values[i])) result |= 1u << i;
    return result;
}

inline unsigned ballot(unsigned mask, int predicate, int line) {
    return vote(mask, predicate, line, [](std::uint64_t v) { return v != 0; });
}

template <class T>
unsigned match_any(unsigned mask, T value, int line) {
    std::uint64_t own = to_bits(value);
    const std::uint64_t* values = meet(mask, own, line);
    unsigned result = 0;
    for (unsigned i = 0; i < 32; i++)
        if (mask >> i & 1 && values[i] == own) result |= 1u << i;
    return result;
}

template <class T, class F>
T reduce(unsigned mask, T value, int line, F combine) {
    const std::uint64_t* values = meet(mask, to_bits(value), line);
    bool first = true;
    T result = value;
    for (unsigned i = 0; i < 32; i++) {
        if (!(mask >> i & 1)) continue;
        T other = from_bits<T>(values[i]);
        result = first ? other : combine(result, other);
        first = false;
    }
    return result;
}

inline unsigned active_lanes() {
    Fiber& fiber = *machine.current;
    unsigned first = fiber.rank - lane(), mask = 0;
    for (unsigned i = 0; i < 32 && first + i < fiber.block->fibers.size(); i++)
        if (fiber.block->fibers[first + i].state != State::DONE) mask |= 1u << i;
    return mask;
}

template <class T, class F>
T exchange(T* address, F change) {
    T old = *address;
    *address = T(change(old));
    return old;
}

}  // namespace emulator

// ------------------------------------------------------------- what CUDA has

#define __syncthreads() emulator::sync_block(__FILE__, __LINE__, 0)
#define __syncthreads_count(p) emulator::sync_block(__FILE__, __LINE__, (p) != 0)
#define __syncthreads_or(p) (emulator::sync_block(__FILE__, __LINE__, (p) != 0) != 0)
#define __syncthreads_and(p) (emulator::sync_block(__FILE__, __LINE__, (p) == 0) == 0)
#define CUSNN_FIRST(mask, ...) (mask)
#define __syncwarp(...) \
    emulator::meet(CUSNN_FIRST(__VA_ARGS__ __VA_OPT__(, ) 0xffffffffu, 0), 0, __LINE__)
#define __activemask() emulator::active_lanes()
#define __ballot_sync(mask, p) emulator::ballot(mask, (p) != 0, __LINE__)
#define __any_sync(mask, p) (emulator::ballot(mask, (p) != 0, __LINE__) != 0)
#define __all_sync(mask, p) (emulator::ballot(mask, (p) == 0, __LINE__) == 0)
#define __match_any_sync(mask, v) emulator::match_any(mask, v, __LINE__)
#define CUSNN_WIDTH(a, width, ...) (width)
#define __shfl_sync(mask, v, source, ...) \
    emulator::shuffle_from(mask, v, source, CUSNN_WIDTH(0 __VA_OPT__(, ) __VA_ARGS__, 32, 0), __LINE__)
#define __shfl_up_sync(mask, v, delta, ...)                                  \
    emulator::shuffle_offset(mask, v, int(emulator::lane()) - int(delta),    \
                             CUSNN_WIDTH(0 __VA_OPT__(, ) __VA_ARGS__, 32, 0), __LINE__)
#define __shfl_down_sync(mask, v, delta, ...)                                \
    emulator::shuffle_offset(mask, v, int(emulator::lane()) + int(delta),    \
                             CUSNN_WIDTH(0 __VA_OPT__(, ) __VA_ARGS__, 32, 0), __LINE__)
#define __shfl_xor_sync(mask, v, bits, ...)                                  \
    emulator::shuffle_offset(mask, v, int(emulator::lane()) ^ int(bits),     \
                             CUSNN_WIDTH(0 __VA_OPT__(, ) __VA_ARGS__, 32, 0), __LINE__)
#define __reduce_add_sync(mask, v) \
    emulator::reduce(mask, v, __LINE__, [](auto a, auto b) { return a + b; })
#define __reduce_min_sync(mask, v) \
    emulator::reduce(mask, v, __LINE__, [](auto a, auto b) { return a < b ? a : b; })
#define __reduce_max_sync(mask, v) \
    emulator::reduce(mask, v, __LINE__, [](auto a, auto b) { return a > b ? a : b; })

inline void __nanosleep(unsigned) { emulator::to_scheduler(); }
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
inline void __trap() { emulator::fail("the kernel called __trap"); }
inline long long clock64() {
    static long long ticks = 0;
    return ++ticks;
}

#define CUSNN_ATOMIC(name, expression)                                                    \
    template <class T, class V>                                                           \
    T name(T* address, V given) {                                                         \
        T value = T(given);                                                               \
        return emulator::exchange(address, [value]([[maybe_unused]] T old) { return expression; }); \
    }                                                                                     \
    template <class T, class V>                                                           \
    T name##_block(T* address, V value) { return name(address, value); }                  \
    template <class T, class V>                                                           \
    T name##_system(T* address, V value) { return name(address, value); }
CUSNN_ATOMIC(atomicAdd, old + value)
CUSNN_ATOMIC(atomicSub, old - value)
CUSNN_ATOMIC(atomicExch, value)
CUSNN_ATOMIC(atomicMin, old < value ? old : value)
CUSNN_ATOMIC(atomicMax, old > value ? old : value)
CUSNN_ATOMIC(atomicAnd, old& value)
CUSNN_ATOMIC(atomicOr, old | value)
CUSNN_ATOMIC(atomicXor, old ^ value)
CUSNN_ATOMIC(atomicInc, old >= value ? T(0) : T(old + 1))
CUSNN_ATOMIC(atomicDec, old == 0 || old > value ? value : T(old - 1))
#undef CUSNN_ATOMIC
template <class T>
T atomicCAS(T* address, T compare, T value) {
    return emulator::exchange(address, [=](T old) { return old == compare ? value : old; });
}

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline int __clz(int x) { return x ? __builtin_clz(unsigned(x)) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned((std::uint64_t(a) * b) >> 32); }
inline int __mulhi(int a, int b) { return int((std::int64_t(a) * b) >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((static_cast<unsigned __int128>(a) * b) >> 64);
}
inline unsigned __brev(unsigned x) {
    unsigned y = 0;
    for (int i = 0; i < 32; i++) y |= (x >> i & 1) << (31 - i);
    return y;
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned n) {
    std::uint64_t both = std::uint64_t(high) << 32 | low;
    return unsigned(both << (n & 31) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned n) {
    std::uint64_t both = std::uint64_t(high) << 32 | low;
    return unsigned(both >> (n & 31));
}

template <class To, class From>
To cusnn_bits(From x) {
    static_assert(sizeof(To) == sizeof(From));
    To y;
    std::memcpy(&y, &x, sizeof y);
    return y;
}
inline int __float_as_int(float x) { return cusnn_bits<int>(x); }
inline unsigned __float_as_uint(float x) { return cusnn_bits<unsigned>(x); }
inline float __int_as_float(int x) { return cusnn_bits<float>(x); }
inline float __uint_as_float(unsigned x) { return cusnn_bits<float>(x); }
inline long long __double_as_longlong(double x) { return cusnn_bits<long long>(x); }
inline double __longlong_as_double(long long x) { return cusnn_bits<double>(x); }
inline int __float2int_rn(float x) { return int(std::lrintf(x)); }
inline int __float2int_rd(float x) { return int(std::floor(x)); }
inline int __float2int_rz(float x) { return int(x); }
inline float __int2float_rn(int x) { return float(x); }
inline float __uint2float_rn(unsigned x) { return float(x); }
inline int __double2int_rn(double x) { return int(std::lrint(x)); }
inline int __double2int_rd(double x) { return int(std::floor(x)); }
inline int __double2int_rz(double x) { return int(x); }
inline long long __double2ll_rn(double x) { return std::llrint(x); }
inline double __ull2double_rn(unsigned long long x) { return double(x); }
inline double __uint2double_rn(unsigned x) { return double(x); }
inline double __int2double_rn(int x) { return double(x); }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
inline float __fmaf_rn(float a, float b, float c) { return std::fmaf(a, b, c); }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __dadd_rn(double a, double b) { return a + b; }

template <class T>
T __ldg(const T* p) { return *p; }
template <class T>
T __ldcg(const T* p) { return *p; }
template <class T>
T __ldcs(const T* p) { return *p; }
template <class T, class V>
void __stcg(T* p, V v) { *p = T(v); }
template <class T, class V>
void __stcs(T* p, V v) { *p = T(v); }

template <class A, class B>
constexpr std::common_type_t<A, B> min(A a, B b) {
    using T = std::common_type_t<A, B>;
    return T(b) < T(a) ? T(b) : T(a);
}
template <class A, class B>
constexpr std::common_type_t<A, B> max(A a, B b) {
    using T = std::common_type_t<A, B>;
    return T(a) < T(b) ? T(b) : T(a);
}
