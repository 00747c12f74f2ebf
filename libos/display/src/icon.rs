//! A window's icon, found by its application's name as the desktop-entry and icon-theme
//! specifications say: desktop file, `Icon=`, then the `hicolor` theme. PNG only.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use bailey_link::WindowIcon;
use bailey_link::limits::MAX_ICON_SIDE;

/// Sizes tried, best first.
const SIZES: [u32; 4] = [48, 64, 32, 96];
/// No desktop file is read beyond this.
const MAX_DESKTOP_FILE: u64 = 256 << 10;
/// No icon file decodes to more bytes than this.
const MAX_DECODED: usize = 1 << 20;

/// Finds the icon of an application. None where there is no PNG of a fitting size.
pub fn find(window: u32, app_id: &str) -> Option<WindowIcon> {
    let dirs = std::env::var("XDG_DATA_DIRS").unwrap_or_default();
    let dirs = if dirs.is_empty() { "/usr/local/share:/usr/share" } else { &dirs };
    let dirs: Vec<PathBuf> = dirs.split(':').map(PathBuf::from).filter(|path| path.is_absolute()).collect();
    find_in(&dirs, window, app_id)
}

fn find_in(dirs: &[PathBuf], window: u32, app_id: &str) -> Option<WindowIcon> {
    if app_id.is_empty() || app_id.contains(['/', '\0']) {
        return None;
    }
    let name = dirs.iter().find_map(|dir| icon_name(dir, app_id)).unwrap_or_else(|| app_id.to_owned());
    if name.starts_with('/') {
        return decode(window, Path::new(&name));
    }
    if name.contains('/') {
        return None;
    }
    let themed = dirs.iter().flat_map(|dir| {
        let theme = dir.join("icons/hicolor");
        let name = &name;
        SIZES.iter().map(move |size| theme.join(format!("{size}x{size}/apps/{name}.png")))
    });
    let plain = dirs.iter().map(|dir| dir.join(format!("pixmaps/{name}.png")));
    themed.chain(plain).find_map(|path| decode(window, &path))
}

/// `Icon=` of the application's desktop file: `app_id.desktop`, or one that ends in it after a
/// dot, since many programs leave the reversed domain out of their identifier.
fn icon_name(dir: &Path, app_id: &str) -> Option<String> {
    let applications = dir.join("applications");
    let exact = applications.join(format!("{app_id}.desktop"));
    if let Some(name) = read_icon_line(&exact) {
        return Some(name);
    }
    let ending = format!(".{app_id}.desktop").to_lowercase();
    let entries = fs::read_dir(applications).ok()?;
    let found = entries.flatten().find(|entry| {
        entry.file_name().to_str().is_some_and(|name| name.to_lowercase().ends_with(&ending))
    })?;
    read_icon_line(&found.path())
}

fn read_icon_line(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(MAX_DESKTOP_FILE).read_to_string(&mut text).ok()?;
    let entry = text.lines().skip_while(|line| line.trim() != "[Desktop Entry]").skip(1);
    let mut own = entry.take_while(|line| !line.starts_with('['));
    let icon = own.find_map(|line| line.strip_prefix("Icon="))?.trim();
    (!icon.is_empty()).then(|| icon.to_owned())
}

fn decode(window: u32, path: &Path) -> Option<WindowIcon> {
    let file = File::open(path).ok()?;
    let mut decoder = png::Decoder::new_with_limits(BufReader::new(file), png::Limits { bytes: MAX_DECODED });
    decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
    let mut reader = decoder.read_info().ok()?;
    let (width, height) = (reader.info().width, reader.info().height);
    if width > MAX_ICON_SIDE || height > MAX_ICON_SIDE {
        return None;
    }
    let mut bytes = vec![0; reader.output_buffer_size().filter(|size| *size <= MAX_DECODED)?];
    let frame = reader.next_frame(&mut bytes).ok()?;
    let pixels = match frame.color_type {
        png::ColorType::Rgba => {
            bytes.chunks_exact(4).flat_map(|p| premultiplied(p[0], p[1], p[2], p[3])).collect()
        }
        png::ColorType::GrayscaleAlpha => {
            bytes.chunks_exact(2).flat_map(|p| premultiplied(p[0], p[0], p[0], p[1])).collect()
        }
        _ => return None,
    };
    Some(WindowIcon { window, width, height, pixels })
}

/// Straight RGBA to premultiplied BGRA.
fn premultiplied(red: u8, green: u8, blue: u8, alpha: u8) -> [u8; 4] {
    // At most 255: a product of two bytes, divided by 255.
    let part = |colour: u8| ((u32::from(colour) * u32::from(alpha) + 127) / 255) as u8;
    [part(blue), part(green), part(red), alpha]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_png(path: &Path, side: u32, rgba: [u8; 4]) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut encoder = png::Encoder::new(File::create(path).unwrap(), side, side);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        let pixels: Vec<u8> = (0..side * side).flat_map(|_| rgba).collect();
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    }

    #[test]
    fn the_desktop_file_names_the_icon() {
        let dir = tempfile::tempdir().unwrap();
        let dirs = [dir.path().to_owned()];
        fs::create_dir_all(dir.path().join("applications")).unwrap();
        let entry = "[Desktop Entry]\nName=Pad\nIcon=pad-icon\n[Desktop Action x]\nIcon=other\n";
        fs::write(dir.path().join("applications/org.example.pad.desktop"), entry).unwrap();
        write_png(&dir.path().join("icons/hicolor/32x32/apps/pad-icon.png"), 32, [200, 100, 50, 128]);
        for app_id in ["org.example.pad", "pad"] {
            let icon = find_in(&dirs, 7, app_id).expect("the icon is there");
            assert_eq!((icon.window, icon.width, icon.height), (7, 32, 32));
            assert_eq!(icon.pixels[..4], [25, 50, 100, 128], "premultiplied BGRA");
        }
        assert_eq!(find_in(&dirs, 7, "ad"), None);
        assert_eq!(find_in(&dirs, 7, "../pad"), None);
    }

    #[test]
    fn what_is_no_fitting_picture_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let dirs = [dir.path().to_owned()];
        let theme = dir.path().join("icons/hicolor");
        write_png(&theme.join("48x48/apps/big.png"), 200, [0; 4]);
        fs::write(theme.join("48x48/apps/bad.png"), b"not a picture").unwrap();
        assert_eq!(find_in(&dirs, 1, "big"), None);
        assert_eq!(find_in(&dirs, 1, "bad"), None);
        write_png(&dir.path().join("pixmaps/bad.png"), 16, [0, 0, 0, 255]);
        assert_eq!(find_in(&dirs, 1, "bad").map(|icon| icon.width), Some(16));
    }
}
