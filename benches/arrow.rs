//! What copies, beside a plain copy of the same bytes: conversions run at memory speed or they are wrong.
//!
//! `memcpy` copies into memory that is there already, the hardest floor; `memcpy_fresh` into memory that the
//! allocator hands out each time, as `convert` must, but without huge pages.

use std::hint::black_box;
use std::time::Duration;

use arrow_buffer::{Buffer, MutableBuffer};
use criterion::{Criterion, Throughput, criterion_main};
use npzarrow::arrow::{ArrowOptions, Origin, Plan};
use npzarrow::npy::{Dtype, Header, Order, Shape};

/// One array to convert.
struct Case {
    name: &'static str,
    type_str: &'static str,
    order: Order,
    shape: &'static [u64],
    element: fn(u64) -> Vec<u8>,
}

const CASES: [Case; 12] = [
    Case { name: "bool_pack_32MB", type_str: "|b1", order: Order::C, shape: &[32 << 20], element: truth },
    Case { name: "bool_pack_1MB", type_str: "|b1", order: Order::C, shape: &[1 << 20], element: truth },
    Case { name: "swap_f8_32MB", type_str: ">f8", order: Order::C, shape: &[4 << 20], element: number },
    Case { name: "swap_f8_1MB", type_str: ">f8", order: Order::C, shape: &[128 << 10], element: number },
    Case {
        name: "transpose_f4_4096x512",
        type_str: "<f4",
        order: Order::Fortran,
        shape: &[4096, 512],
        element: half,
    },
    Case {
        name: "transpose_f4_64x512x256",
        type_str: "<f4",
        order: Order::Fortran,
        shape: &[64, 512, 256],
        element: half,
    },
    Case {
        name: "transpose_u1_256x224x224x3",
        type_str: "|u1",
        order: Order::Fortran,
        shape: &[256, 224, 224, 3],
        element: truth,
    },
    Case { name: "U16_to_utf8_64MB", type_str: "<U16", order: Order::C, shape: &[1 << 20], element: text },
    Case { name: "U16_to_utf8_1MB", type_str: "<U16", order: Order::C, shape: &[1 << 14], element: text },
    Case { name: "S16_to_binary_16MB", type_str: "|S16", order: Order::C, shape: &[1 << 20], element: bytes },
    Case {
        name: "days_to_date32_32MB",
        type_str: "<M8[D]",
        order: Order::C,
        shape: &[4 << 20],
        element: number,
    },
    Case {
        name: "timestamps_shared_32MB",
        type_str: "<M8[ns]",
        order: Order::C,
        shape: &[4 << 20],
        element: number,
    },
];

fn truth(index: u64) -> Vec<u8> {
    vec![u8::from(index.is_multiple_of(3))]
}

fn number(index: u64) -> Vec<u8> {
    (index % 40_000).to_le_bytes().to_vec()
}

fn half(index: u64) -> Vec<u8> {
    number(index).into_iter().take(4).collect()
}

fn bytes(index: u64) -> Vec<u8> {
    let mut item = format!("name-{}", index.wrapping_mul(0x9e37) % 100_000_000).into_bytes();
    item.resize(16, 0);
    item
}

fn text(index: u64) -> Vec<u8> {
    bytes(index).into_iter().flat_map(|byte| [byte, 0, 0, 0]).collect()
}

fn benches() {
    let mut criterion = Criterion::default().configure_from_args();
    for Case { name, type_str, order, shape, element } in CASES {
        let Some(dtype) = Dtype::from_type_str(type_str) else { continue };
        let Ok(header) = Header::try_new(&dtype, order, &Shape::new(shape.to_vec())) else { continue };
        let count = shape.iter().product();
        let payload: Vec<u8> = (0..count).flat_map(element).collect();
        let payload = Buffer::from(payload);
        let options = ArrowOptions::default();
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(header.payload_len()));
        group
            .sample_size(10)
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1));
        group.bench_function("convert", |bencher| {
            bencher.iter(|| {
                let plan = Plan::try_new("x", &header, &options, Origin::Immutable, payload.as_ptr().addr());
                black_box(plan.and_then(|plan| plan.array(payload.clone())))
            });
        });
        let mut copy = vec![0; payload.len()];
        group.bench_function("memcpy", |bencher| {
            bencher.iter(|| black_box(&mut copy).copy_from_slice(black_box(&payload)));
        });
        group.bench_function("memcpy_fresh", |bencher| {
            bencher.iter(|| {
                let mut copy = MutableBuffer::with_capacity(payload.len());
                copy.extend_from_slice(&payload);
                black_box(copy)
            });
        });
        group.finish();
    }
}

criterion_main!(benches);
