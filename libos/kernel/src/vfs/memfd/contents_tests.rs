use super::*;
use crate::vfs::memfd::{SEAL_GROW, SEAL_SHRINK, SEAL_WRITE, init_for_test};

fn write(contents: &Contents, offset: u64, bytes: &[u8]) -> usize {
    let mut copy = bytes.to_vec();
    contents.write(&mut UserBuffers::kernel(&mut copy), offset, false).unwrap().0
}

fn read(contents: &Contents, offset: u64, length: usize) -> Vec<u8> {
    let mut bytes = alloc::vec![0xaa; length];
    let count = contents.read(&mut UserBuffers::kernel(&mut bytes), offset).unwrap();
    bytes.truncate(count);
    bytes
}

#[test]
fn bytes_come_back_and_holes_read_zero() {
    init_for_test();
    let contents = Contents::new(false);
    assert_eq!(write(&contents, 10_000, b"hello"), 5);
    assert_eq!(contents.size(), 10_005);
    assert_eq!(read(&contents, 9_998, 100), b"\0\0hello");
    assert_eq!(read(&contents, 0, 5000), alloc::vec![0; 5000]);
    assert_eq!(read(&contents, 10_005, 5), b"");
}

#[test]
fn shrinking_forgets_bytes() {
    init_for_test();
    let contents = Contents::new(false);
    write(&contents, 0, &[7; 9000]);
    contents.truncate(100).unwrap();
    contents.truncate(9000).unwrap();
    let bytes = read(&contents, 0, 9000);
    assert!(bytes[..100].iter().all(|byte| *byte == 7) && bytes[100..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_sized_file_maps_in_one_piece() {
    init_for_test();
    let contents = Contents::new(true);
    contents.truncate(100_000).unwrap();
    let segments = contents.map(0, 100_000).unwrap();
    assert_eq!(segments.iter().map(|segment| segment.length).sum::<u64>(), 25 * PAGE_SIZE);
    let extent = contents.extent(50_000).unwrap();
    assert!(extent.file_offset <= 50_000 && extent.file_offset + extent.length > 50_000);
    assert_eq!(contents.extent(100_000), Err(Errno::ENXIO));
    // Grown, the old pages stay where they are.
    contents.truncate(400_000).unwrap();
    let grown = contents.map(0, 400_000).unwrap();
    assert_eq!(grown[0].memfd_offset, segments[0].memfd_offset);
}

#[test]
fn mapped_pages_stay_its_own() {
    init_for_test();
    let contents = Contents::new(false);
    write(&contents, 0, &[1; 8192]);
    let before = contents.map(0, 8192).unwrap();
    contents.truncate(0).unwrap();
    contents.truncate(8192).unwrap();
    assert_eq!(contents.map(0, 8192).unwrap(), before);
    assert_eq!(read(&contents, 0, 8192), alloc::vec![0; 8192]);
}

#[test]
fn punching_and_zeroing() {
    init_for_test();
    let contents = Contents::new(false);
    write(&contents, 0, &[9; 20_000]);
    contents.zero_range(100, 10_000, true).unwrap();
    let bytes = read(&contents, 0, 20_000);
    assert!(bytes[..100].iter().all(|byte| *byte == 9));
    assert!(bytes[100..10_100].iter().all(|byte| *byte == 0));
    assert!(bytes[10_100..].iter().all(|byte| *byte == 9));
    contents.zero_range(4096, 10, true).unwrap();
    assert_eq!(contents.size(), 20_000);
}

#[test]
fn seals_are_obeyed() {
    init_for_test();
    let contents = Contents::new(true);
    contents.truncate(4096).unwrap();
    contents.seals.add(SEAL_SHRINK | SEAL_GROW).unwrap();
    assert_eq!(contents.truncate(1), Err(Errno::EPERM));
    assert_eq!(contents.truncate(5000), Err(Errno::EPERM));
    let mut bytes = [1, 2, 3];
    assert!(contents.write(&mut UserBuffers::kernel(&mut bytes), 0, false).is_ok());
    contents.seals.add(SEAL_WRITE).unwrap();
    assert_eq!(contents.write(&mut UserBuffers::kernel(&mut bytes), 0, false), Err(Errno::EPERM));
}

#[test]
fn appends_go_to_the_end() {
    init_for_test();
    let contents = Contents::new(false);
    write(&contents, 0, b"abc");
    let mut more = *b"def";
    assert_eq!(contents.write(&mut UserBuffers::kernel(&mut more), 0, true).unwrap(), (3, 6));
    assert_eq!(read(&contents, 0, 10), b"abcdef");
}
