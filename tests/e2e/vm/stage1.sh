#!/bin/busybox sh
# First process of the guest: puts a scratch layer over the host's root file system and moves there.
# "next=PROGRAM" on the kernel's command line says what runs there instead of the second stage.
b=/bin/busybox
$b mkdir -p /proc /dev /host /scratch /root
$b mount -t proc proc /proc
$b mount -t devtmpfs dev /dev
for module in /modules/*; do $b insmod "$module"; done

share=trans=virtio,version=9p2000.L,msize=512000
$b mount -t 9p -o "ro,cache=loose,$share" host /host || { echo NO-SHARE; $b poweroff -f; }
$b mount -t tmpfs -o size=75% scratch /scratch
$b mkdir /scratch/upper /scratch/work
$b mount -t overlay -o lowerdir=/host,upperdir=/scratch/upper,workdir=/scratch/work overlay /root

modules=lib/modules/$($b uname -r)
$b mkdir -p /root/vm /root/proc /root/sys /root/dev /root/run "/root/$modules"
$b mount -t 9p -o "$share" vm /root/vm
$b mount -o bind "/root/vm/kernel/$modules" "/root/$modules"
if [ -f /root/vm/job/setup ]; then
    $b mount -o bind /dev /root/dev
    $b chroot /root /bin/sh /vm/job/setup
    $b umount /root/dev
fi
$b umount /proc
$b mount -o move /dev /root/dev
exec $b switch_root /root "${next:-/vm/stage2.sh}"
