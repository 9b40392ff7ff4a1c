//! What is said to be shared has the address of the input; what is said to be copied has another.

use arrow_array::Array as _;
use arrow_buffer::Buffer;
use npzarrow::arrow::{ArrowOptions, CopyMode, CopyReason, Transfer};
use npzarrow::npy::{Dtype, Header, Order, Shape};
use npzarrow::npz::{OpenOptions, ReadOptions};
use npzarrow::source::{Memory, Source};
use npzarrow::{Interrupt, NpyArray, NpzArchive, Payload};

use crate::paths::archive;

/// NPY data of `1, 2, 3, …` bytes, so that the payload begins at `offset` behind a multiple of 64.
fn npy(type_str: &str, order: Order, shape: &[u64], offset: usize) -> (Buffer, usize) {
    let dtype = Dtype::from_type_str(type_str).unwrap();
    let header = Header::try_new(&dtype, order, &Shape::new(shape.to_vec())).unwrap();
    let mut bytes = vec![0_u8; offset];
    bytes.extend(header.to_bytes());
    let payload = bytes.len();
    bytes.extend((0..header.payload_len()).map(|byte| (byte % 100) as u8));
    let aligned = npzarrow::AlignedBuf::copy_of(&bytes, false, 1).unwrap().0.into_buffer();
    (aligned.slice(offset), payload - offset)
}

#[test]
fn each_reason_to_copy() {
    let (auto, always) = (CopyMode::Auto, CopyMode::Always);
    let copied = Transfer::Copied;
    let misaligned = CopyReason::Misaligned { misaligned_by: 4, alignment: 8 };
    for (type_str, order, shape, offset, mutable, mode, expected) in [
        ("<f8", Order::C, &[4][..], 0, false, auto, Transfer::Shared),
        ("<f8", Order::C, &[4], 8, false, auto, Transfer::Shared),
        ("<f8", Order::C, &[4, 2], 0, false, auto, Transfer::Shared),
        ("<f8", Order::Fortran, &[4], 0, false, auto, Transfer::Shared),
        ("<f4", Order::C, &[4], 4, false, auto, Transfer::Shared),
        ("|u1", Order::C, &[4], 3, false, auto, Transfer::Shared),
        ("|V3", Order::C, &[4], 3, false, auto, Transfer::Shared),
        ("<c8", Order::C, &[4], 0, false, auto, Transfer::Shared),
        ("<M8[ns]", Order::C, &[4], 0, false, auto, Transfer::Shared),
        ("<f8", Order::C, &[4], 4, false, auto, copied(misaligned)),
        ("<f8", Order::C, &[4], 0, true, auto, copied(CopyReason::MutableSource)),
        ("<f8", Order::C, &[4], 0, false, always, copied(CopyReason::Requested)),
        (">f8", Order::C, &[4], 0, false, auto, copied(CopyReason::ByteOrder)),
        ("<f8", Order::Fortran, &[4, 2], 0, false, auto, copied(CopyReason::FortranOrder)),
        ("|b1", Order::C, &[4], 0, false, auto, copied(CopyReason::Packed)),
    ] {
        let (bytes, payload) = npy(type_str, order, shape, offset);
        let address = bytes.as_ptr().addr() + payload;
        let memory = if mutable { Memory::mutable(bytes) } else { Memory::new(bytes) };
        let array = NpyArray::read(&Source::from(memory), 1, &Interrupt::default()).unwrap();
        let column = array.into_column("x", &ArrowOptions::default().with_copy(mode)).unwrap();
        assert_eq!(column.transfer, expected, "{type_str} {order} {shape:?} {offset}");
        let data = column.array.to_data();
        let leaf = data.child_data().first().unwrap_or(&data);
        let shared = leaf.buffers()[0].as_ptr().addr() == address;
        assert_eq!(shared, expected == Transfer::Shared, "{type_str} {order} {shape:?} {offset}");
    }
}

#[test]
fn never_copying_is_an_error_that_says_why() {
    let never = ArrowOptions::default().with_copy(CopyMode::Never);
    for (type_str, offset, text) in [
        ("<f8", 4, "cannot share memory with the input: the payload begins 4 bytes behind a multiple of 8"),
        (">f8", 0, "cannot share memory with the input: the bytes of each number are in foreign order"),
    ] {
        let (bytes, _) = npy(type_str, Order::C, &[4], offset);
        let error = NpyArray::try_new(bytes).unwrap().into_column("x", &never).unwrap_err();
        assert_eq!(error.to_string(), text);
    }
    let (member, _) = npy("<f8", Order::C, &[4], 0);
    let deflated = NpzArchive::try_new(Buffer::from(archive(&member, true))).unwrap();
    let error = deflated.record_batch(&ReadOptions::default().with_arrow(never)).unwrap_err();
    assert_eq!(error.to_string(), "x.npy: cannot share memory with the input: the member is deflated");
}

#[test]
fn stored_members_share_the_archive() {
    let (member, payload) = npy("|u1", Order::C, &[100], 0);
    let bytes = Buffer::from(archive(&member, false));
    let archive = NpzArchive::try_new(bytes.clone()).unwrap();
    let array = archive.array("x").unwrap();
    let offset = archive.info(&ArrowOptions::default())[0].payload_offset.unwrap() as usize;
    assert_eq!(array.payload().as_slice().as_ptr(), bytes[offset..].as_ptr());
    assert_eq!(bytes[offset - payload..offset], member[..payload]);
    let column = archive.columns(&ReadOptions::default()).unwrap().0.remove(0);
    assert_eq!(column.transfer, Transfer::Shared);
    assert_eq!(column.array.to_data().buffers()[0].as_ptr(), bytes[offset..].as_ptr());
    drop((archive, bytes));
    assert_eq!(column.array.len(), 100, "the array keeps the archive alive");
}

#[test]
fn inflated_members_own_memory_that_can_be_written() {
    let (member, _) = npy("|u1", Order::C, &[100], 0);
    let archive = NpzArchive::try_new(Buffer::from(archive(&member, true))).unwrap();
    let (_, payload) = archive.array("x").unwrap().into_parts();
    let Payload::Owned(mut payload) = payload else { panic!("{payload:?}") };
    payload.as_mut_slice().fill(7);
    assert_eq!(archive.array("x").unwrap().payload().as_slice()[1], 1, "another array has its own");
}

#[test]
fn a_stored_member_is_verified_once() {
    let (member, payload) = npy("|u1", Order::C, &[100], 0);
    let mut bytes = archive(&member, false);
    let position = bytes.windows(3).position(|window| window == [50, 51, 52]).unwrap();
    assert!(position > payload);
    bytes[position] ^= 1;
    let expected = "x.npy: checksum is ";
    let damaged = NpzArchive::try_new(Buffer::from(bytes.clone())).unwrap();
    for _ in 0..2 {
        let error = damaged.array("x").unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}: a failed check is not remembered as done");
    }
    let trusting = OpenOptions::default().with_verify(false);
    let unverified = NpzArchive::with_options(Buffer::from(bytes), &trusting).unwrap();
    assert_eq!(unverified.array("x").unwrap().payload().as_slice()[50], 51);
}
