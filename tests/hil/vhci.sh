#!/bin/sh
# Layer 3 in a virtual machine: boots a Debian kernel under QEMU (no KVM needed) on this machine's own files, read-only,
# and runs tests/hil/vhci_check.py in it. For machines whose own kernel has no vhci-hcd.
#
#   tests/hil/vhci.sh KERNEL_DEB [PYTHON]
#
# KERNEL_DEB: linux-image-*-amd64 as `apt-get download` gives it. Wants qemu-system-x86, busybox-static, cpio.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
deb=${1:?usage: tests/hil/vhci.sh KERNEL_DEB [PYTHON]}
python=${2:-$here/.venv/bin/python}
for tool in qemu-system-x86_64 busybox cpio dpkg-deb; do
    command -v "$tool" >/dev/null || { echo "vhci.sh: $tool is not installed" >&2; exit 3; }
done
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
dpkg-deb -x "$deb" "$work/k"
kernel=$(echo "$work"/k/boot/vmlinuz-*)
modules=$(echo "$work"/k/lib/modules/*)
mkdir -p "$work/i/bin" "$work/i/m" "$work/i/host" "$work/i/proc" "$work/i/sys" "$work/i/dev"
cp "$(command -v busybox)" "$work/i/bin/busybox"

# A module and those it depends on, the latter first; each once.
wanted() {
    file=$(find "$modules" -name "$1.ko" -o -name "$(echo "$1" | tr _ -).ko" | head -n 1)
    [ -n "$file" ] || return 0
    case " $order " in *" $file "*) return 0 ;; esac
    for need in $(grep -a -z '^depends=' "$file" | tr -d '\0' | sed 's/^depends=//; s/,/ /g'); do wanted "$need"; done
    file=$(find "$modules" -name "$1.ko" -o -name "$(echo "$1" | tr _ -).ko" | head -n 1)
    case " $order " in *" $file "*) ;; *) order="$order $file" ;; esac
}
order=''
for name in virtio_pci 9p 9pnet_virtio vhci-hcd; do wanted "$name"; done
number=10
for file in $order; do cp "$file" "$work/i/m/$number.ko"; number=$((number + 1)); done

cat >"$work/i/init" <<INIT
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
for m in /m/*.ko; do /bin/busybox insmod \$m || echo "cannot load \$m"; done
/bin/busybox mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=262144 host /host || echo "no 9p"
/bin/busybox mount -t proc proc /host/proc
/bin/busybox mount -t sysfs sys /host/sys
/bin/busybox mount -t devtmpfs dev /host/dev
/bin/busybox mount -t tmpfs tmp /host/tmp
/bin/busybox mount -t tmpfs tmp /host/run
# libusb learns from udev that a device went; without it its list goes stale
/bin/busybox mkdir -p /host/run/udev
/bin/busybox chroot /host /lib/systemd/systemd-udevd --daemon || echo "no udevd"
PYTHONDONTWRITEBYTECODE=1 HOME=/tmp OMP_NUM_THREADS=1 /bin/busybox chroot /host "$python" "$here/tests/hil/vhci_check.py"
echo "exit-code: \$?"
/bin/busybox poweroff -f
INIT
chmod +x "$work/i/init"
(cd "$work/i" && find . | cpio -o -H newc --quiet) | gzip -1 >"$work/initrd"
timeout 300 qemu-system-x86_64 -accel tcg -cpu max,la57=off -smp 1 -m 2048 -nographic -no-reboot \
    -kernel "$kernel" -initrd "$work/initrd" -append 'console=ttyS0 panic=-1 quiet' \
    -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on </dev/null | tee "$work/log"
grep -q '^exit-code: 0' "$work/log"
