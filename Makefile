# For those whose fingers type make: every target is the verb of ./run with the same name.
.PHONY: help demo kiosk test hil lint shell setup lock udev

help demo kiosk test hil lint shell setup lock:
	@./run $@

# The udev rules of all reader profiles, written anew.
udev:
	@./run shell -c 'python -m firmware_profiles.udev > systemd/99-livescan-readers.rules'
