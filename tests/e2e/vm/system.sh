# In the guest's root before systemd starts: two users, a login of "tester" on tty1 when that is started,
# and a unit that runs the job once everything is up and switches the machine off. All in the scratch layer.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
useradd -m -s /bin/bash tester
useradd -m -s /bin/bash stranger

rm -f /.dockerenv /run/.containerenv # the host may be a container, the guest is none
cd /etc/systemd/system || exit 1
rm -rf ./*.wants # whatever the host was told to start
mkdir -p getty@tty1.service.d graphical.target.wants /etc/tmpfiles.d
cat >getty@tty1.service.d/login.conf <<'UNIT'
[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin tester --noclear %I linux
UNIT
cat >job.service <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
Environment=HOME=/root LANG=C.UTF-8
ExecStart=/bin/sh -c 'sh /vm/job/command; echo $? >/vm/job/status; sync; systemctl poweroff --force --force'
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
TimeoutStartSec=infinity
UNIT
ln -sf ../job.service graphical.target.wants/
ln -sf /dev/null serial-getty@ttyS0.service
echo 'q /tmp 1777 root root 30d' >/etc/tmpfiles.d/tmp.conf # as it is: the host may keep programs there
rm -f /var/lib/man-db/auto-update # rebuilding the index of all manuals takes minutes here
