//! Ways to end the process, or to unwind through everything.

use super::{Deed, Scene};
use crate::outcome::Outcome;
use std::hint::black_box;

pub(super) const DEEDS: &[(&str, Deed)] = &[
    ("panic", panics),
    ("panic_with_a_long_message", panics_at_length),
    ("panic_with_no_message", panics_without_words),
    ("panic_in_drop", panics_twice),
    ("index_out_of_bounds", indexes),
    ("segfault", segfaults),
    ("jump_to_null", jumps),
    ("illegal_instruction", traps),
    ("divide_by_zero", divides),
    ("abort", aborts),
    ("stack_overflow", overflows),
    ("double_free", frees_twice),
    ("exit0", exits),
    ("exit_raw", exits_raw),
    ("fail", fails),
    ("strike_later", strikes_later),
    ("spin_in_destroy", |_| Outcome::SpinWhenDropped),
];

fn panics(scene: &mut Scene<'_>) -> Outcome {
    panic!("the villain panics at n {}", scene.n)
}

fn panics_at_length(_: &mut Scene<'_>) -> Outcome {
    panic!("{}", "long ".repeat(1_000_000))
}

fn panics_without_words(_: &mut Scene<'_>) -> Outcome {
    std::panic::panic_any(7_u8)
}

fn panics_twice(_: &mut Scene<'_>) -> Outcome {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a panic while panicking");
        }
    }
    let _bomb = Bomb;
    panic!("the first panic")
}

fn indexes(scene: &mut Scene<'_>) -> Outcome {
    let empty: &[u8] = scene.argument.as_bytes();
    Outcome::Harmless(empty[black_box(9)].to_string())
}

fn segfaults(_: &mut Scene<'_>) -> Outcome {
    let nowhere = std::ptr::without_provenance_mut::<u8>(black_box(8));
    // SAFETY: none: this is the crash that the test asks for, in a process made for it.
    unsafe { nowhere.write_volatile(1) };
    Outcome::Breached("wrote to address 8".into())
}

fn jumps(_: &mut Scene<'_>) -> Outcome {
    // SAFETY: none: this is the crash that the test asks for. A function pointer must not be null, 16 is not.
    let nowhere: extern "C" fn() = unsafe { std::mem::transmute(black_box(16_usize)) };
    nowhere();
    Outcome::Breached("called address 16".into())
}

fn traps(_: &mut Scene<'_>) -> Outcome {
    // SAFETY: raises SIGILL and touches nothing.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        std::arch::asm!("ud2");
        #[cfg(target_arch = "aarch64")]
        std::arch::asm!("udf #0");
    }
    Outcome::Breached("passed an illegal instruction".into())
}

fn divides(_: &mut Scene<'_>) -> Outcome {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: raises SIGFPE; the registers it would change are named.
    unsafe {
        std::arch::asm!("div {zero:e}", zero = in(reg) black_box(0_u32), inout("eax") 1_u32 => _, inout("edx") 0_u32 => _);
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::process::abort();
    Outcome::Breached("divided by zero".into())
}

fn aborts(_: &mut Scene<'_>) -> Outcome {
    std::process::abort()
}

fn overflows(_: &mut Scene<'_>) -> Outcome {
    #[inline(never)]
    fn deeper(depth: u64) -> u64 {
        let room = black_box([depth; 128]);
        if black_box(true) { deeper(depth + 1) + room[7] } else { room[3] }
    }
    Outcome::Breached(format!("went {} frames deep", deeper(1)))
}

fn frees_twice(_: &mut Scene<'_>) -> Outcome {
    // SAFETY: none: glibc notices the second and third free and aborts, which is what the test asks for.
    unsafe {
        let block = libc::malloc(black_box(4096));
        let fence = libc::malloc(black_box(4096));
        libc::free(block);
        libc::free(black_box(block));
        libc::free(black_box(block));
        libc::free(fence);
    }
    std::process::abort()
}

fn exits(_: &mut Scene<'_>) -> Outcome {
    std::process::exit(0)
}

fn exits_raw(_: &mut Scene<'_>) -> Outcome {
    // SAFETY: ends the process without running anything.
    unsafe { libc::_exit(0) }
}

fn fails(scene: &mut Scene<'_>) -> Outcome {
    Outcome::Fail(format!("the villain gives up at n {}", scene.n))
}

fn strikes_later(scene: &mut Scene<'_>) -> Outcome {
    Outcome::LightFuse(scene.argument.parse().unwrap_or(2))
}
