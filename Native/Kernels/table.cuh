// Tables in device memory, by which one launch does the same for many layers: blocks along y take an entry each.
//
// An entry has sizes, and where its tensors lie: in floats from the pointers that the launch is given, which are those of the
// first entry's tensors, whether or not these are of the same allocation. So a recorded launch, whose tensors lie in one block,
// runs with that block anywhere, which addresses in a table would not allow.
#pragma once
#include "device.cuh"

// Words of whatever there is.
typedef u32 word __attribute__((may_alias));

// The entry of the block, which is read once for all its threads. All of them come here.
template <typename Entry> DEVICE const Entry &entry_of(const Entry *table) {
    SHARED Entry entry;
    constexpr int Words = sizeof(Entry) / sizeof(word);
    const word *from = (const word *)(table + block_y());
    for (int i = thread(); i < Words; i += threads())
        ((word *)&entry)[i] = from[i];
    barrier();
    return entry;
}
