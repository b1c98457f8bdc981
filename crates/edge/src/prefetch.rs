//! Memory that will be needed soon, asked for in time.
//!
//! A loop walks over streams that lie all over the memory. While it composes for one, the next ones come into the cache.
//!
//! # Why this file may use `unsafe`
//!
//! The intrinsic is safe where the processor knows the instruction, which every x86-64 does; the language does not take that
//! for granted. The instruction changes nothing but what is in the cache, whatever the address.
#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "an instruction of every x86-64; argued above")
)]

/// Bytes of a line of the cache, on all that this runs on.
const LINE: usize = 64;
/// No more lines than this of one thing, so that what was asked for before stays.
const LINES_MAX: usize = 16;

/// Asks for the memory of a value.
#[inline]
pub(crate) fn value<T>(value: &T) {
    slice(std::slice::from_ref(value));
}

/// Asks for the memory of a list, or the beginning of a long one.
#[inline]
pub(crate) fn slice<T>(slice: &[T]) {
    let start = slice.as_ptr().cast::<i8>();
    for line in 0..size_of_val(slice).div_ceil(LINE).min(LINES_MAX) {
        ask(start.wrapping_add(line * LINE));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn ask(address: *const i8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: SSE is part of x86-64, and a prefetch neither faults nor reads anything that the program could see.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address) };
}

/// There the processor is left to itself.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn ask(_: *const i8) {}
