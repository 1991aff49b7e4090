/*
 * The arguments of a QEMU process, as far as they are about NICs:
 *
 *	-name NAME | guest=NAME,...
 *	-nic TYPE[,mac=...,...] | none
 *	-netdev TYPE,id=ID,... | JSON
 *	-device MODEL,netdev=ID,mac=... | JSON
 *	-device vfio-pci,host=ADDRESS	a device of this host's, a network card maybe
 *	-net nic,macaddr=... -net TYPE,...	of old
 *
 *	-readconfig FILE		may say anything of these
 *
 * In a value a comma is written twice.  Without any of them, and without
 * -nodefaults, QEMU has one NIC of type "user".
 */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "inventory/guest_row.h"
#include "inventory/provider.h"
#include "text.h"
#include "xmalloc.h"

enum { ID_SIZE = 64, VALUE_SIZE = 256, VM_NICS = GUEST_NICS + 1 };

struct nic {
	char		id[ID_SIZE];
	bool		has_mac;
	uint8_t		mac[6];
	enum nic_mode	mode;
	char		source[GH_IFNAME_SIZE], link[GH_IFNAME_SIZE];
	bool		is_card;	/* of the host, given to it */
};

struct vm {
	char		name[VALUE_SIZE];
	struct nic	nics[VM_NICS];
	size_t		n;
	struct nic	devices[VM_NICS];	/* only id and mac */
	size_t		ndevices;
	bool		told;			/* the command line says of NICs */
	bool		elsewhere;		/* and a file may say more */
};

/* ---- one option's value: "user,id=n0,mac=..." or an object ---- */

/* The value of key, or, with key NULL, the first word. False: there is none, or it is too
 * long for anything we know. */
static bool
option_get(const char *text, const char *key, char *dst, size_t size)
{
	for (bool first = true; *text != '\0'; first = false) {
		const char *from = text;
		size_t n = 0, klen = key != NULL ? strlen(key) : 0;
		bool hit;

		hit = key == NULL ? first : strncmp(from, key, klen) == 0 && from[klen] == '=';
		if (hit && key != NULL)
			text += klen + 1;
		for (; *text != '\0' && (*text != ',' || text[1] == ','); text++) {
			if (*text == ',')
				text++;
			if (hit && n + 1 < size)
				dst[n] = *text;
			n++;
		}
		if (hit) {
			dst[n < size ? n : 0] = '\0';
			return n > 0 && n < size;
		}
		text += *text == ',';
	}
	return false;
}

static bool
json_get(const char *text, const char *key, char *dst, size_t size)
{
	json_error_t error;
	json_t *j = json_loads(text, 0, &error);
	const char *s = guest_json_string(j, key);
	bool fits = s != NULL && *s != '\0' && strlen(s) < size;

	if (fits)
		memcpy(dst, s, strlen(s) + 1);
	json_decref(j);
	return fits;
}

static bool
get(const char *text, const char *key, const char *json_key, char *dst, size_t size)
{
	return *text == '{' ? json_get(text, json_key, dst, size) : option_get(text, key, dst, size);
}

static void
get_mac(struct nic *nic, const char *text, const char *key)
{
	char value[VALUE_SIZE];

	if (get(text, key, key, value, sizeof(value)) && mac_parse(value, strlen(value), nic->mac))
		nic->has_mac = mac_is_guest(nic->mac);
}

static void
get_ifname(char dst[GH_IFNAME_SIZE], const char *text, const char *key)
{
	char value[VALUE_SIZE];

	if (get(text, key, key, value, sizeof(value)))
		guest_row_ifname(dst, value, strlen(value));
}

/* ---- what it says of a NIC ---- */

static const struct mode_word backends[] = {
	{ "user", NIC_USER }, { "passt", NIC_USER }, { "l2tpv3", NIC_USER },
	{ "stream", NIC_SOCKET }, { "dgram", NIC_SOCKET }, { "socket", NIC_SOCKET },
	{ "vde", NIC_SOCKET }, { "vhost-user", NIC_SOCKET },
	{ "tap", NIC_BRIDGE }, { "bridge", NIC_BRIDGE },
	{ "vmnet-shared", NIC_BRIDGE }, { "vmnet-host", NIC_BRIDGE }, { "vmnet-bridged", NIC_LAN },
	{ "af-xdp", NIC_LAN }, { "netmap", NIC_LAN }, { "vhost-vdpa", NIC_LAN },
	{ NULL, NIC_UNKNOWN }
};

/* "user,id=n0", "type=user,id=n0", or an object.  A whole NIC ("-nic model=virtio") is
 * user-mode if it does not say otherwise. */
static bool
backend_type(const char *text, bool whole, char type[ID_SIZE])
{
	if (get(text, "type", "type", type, ID_SIZE))
		return true;
	if (*text != '{' && text[strcspn(text, ",=")] == '=') {
		copy_string(type, "user", ID_SIZE);
		return whole;
	}
	return get(text, NULL, "type", type, ID_SIZE);
}

static void
backend_take(struct vm *vm, const char *text, bool whole)
{
	char type[ID_SIZE];
	struct nic *nic;

	vm->told = true;
	if (vm->n == VM_NICS || !backend_type(text, whole, type) || strcmp(type, "none") == 0 || strcmp(type, "nic") == 0 || strcmp(type, "hubport") == 0)
		return;
	nic = &vm->nics[vm->n++];
	nic->mode = guest_row_mode(backends, type);
	get(text, "id", "id", nic->id, sizeof(nic->id));
	get_mac(nic, text, "mac");
	if (strcmp(type, "bridge") == 0) {
		copy_string(nic->source, "br0", sizeof(nic->source));
		get_ifname(nic->source, text, "br");
	} else if (strcmp(type, "tap") == 0) {
		get_ifname(nic->link, text, "ifname");
		get_ifname(nic->source, text, "br");
	} else if (nic->mode == NIC_LAN)
		get_ifname(nic->source, text, "ifname");
}

/* "1:00.0" is the same as "0000:01:00.0", if not in these words; libvirt writes the latter. */
static void
card_take(struct vm *vm, const char *text, bool (*is_card)(const char *))
{
	char model[ID_SIZE], host[VALUE_SIZE], *slash;

	if (strstr(text, "vfio-pci") == NULL)
		return;
	if (!get(text, "driver", "driver", model, sizeof(model)) &&
	    !get(text, NULL, "driver", model, sizeof(model)))
		return;
	if (strncmp(model, "vfio-pci", strlen("vfio-pci")) != 0 || vm->n == VM_NICS)
		return;
	if (!get(text, "host", "host", host, sizeof(host))) {
		if (!get(text, "sysfsdev", "sysfsdev", host, sizeof(host)))
			return;
	}
	if (!is_card(host))
		return;
	slash = strrchr(host, '/');
	vm->nics[vm->n] = (struct nic){ .mode = NIC_LAN, .is_card = true };
	text_escape(vm->nics[vm->n].source, GH_IFNAME_SIZE, slash != NULL ? slash + 1 : host,
	    strlen(slash != NULL ? slash + 1 : host));
	vm->n++;
}

static void
device_take(struct vm *vm, const char *text)
{
	struct nic *dev = &vm->devices[vm->ndevices];

	/* Most are no NICs, and each may be an object to read. */
	if (vm->ndevices == VM_NICS || strstr(text, "netdev") == NULL)
		return;
	memset(dev, 0, sizeof(*dev));
	if (!get(text, "netdev", "netdev", dev->id, sizeof(dev->id)))
		return;
	get_mac(dev, text, "mac");
	vm->ndevices++;
}

/* "-net nic" is the device of the one backend that "-net" has beside it. */
static void
net_take(struct vm *vm, const char *text)
{
	char type[ID_SIZE];

	vm->told = true;
	if (!option_get(text, NULL, type, sizeof(type)))
		return;
	if (strcmp(type, "nic") != 0) {
		backend_take(vm, text, false);
		return;
	}
	if (vm->ndevices == VM_NICS)
		return;
	memset(&vm->devices[vm->ndevices], 0, sizeof(vm->devices[0]));
	get_mac(&vm->devices[vm->ndevices++], text, "macaddr");
}

static void
macs_settle(struct vm *vm)
{
	for (size_t i = 0; i < vm->n; i++) {
		/* Its hardware address is its own. */
		if (vm->nics[i].is_card)
			continue;
		for (size_t k = 0; k < vm->ndevices && !vm->nics[i].has_mac; k++) {
			const struct nic *dev = &vm->devices[k];

			if (!dev->has_mac || strcmp(dev->id, vm->nics[i].id) != 0)
				continue;
			vm->nics[i].has_mac = true;
			memcpy(vm->nics[i].mac, dev->mac, sizeof(dev->mac));
		}
	}
}

/* "-nic" makes a NIC by itself, "-netdev" only one half of it. */
static bool
has_device(const struct vm *vm, const struct nic *nic)
{
	if (nic->id[0] == '\0')
		return true;
	for (size_t k = 0; k < vm->ndevices; k++) {
		if (strcmp(vm->devices[k].id, nic->id) == 0)
			return true;
	}
	return false;
}

/* The one that QEMU gives where none is said, counted up by NIC.  Behind a bridge alone,
 * where it tells guests apart: with user-mode networking all have the same. */
static void
macs_default(struct vm *vm)
{
	static const uint8_t first[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
	uint8_t n = 0;

	for (size_t i = 0; i < vm->n; i++) {
		struct nic *nic = &vm->nics[i];

		if (nic->has_mac || nic->is_card || !has_device(vm, nic))
			continue;
		if (nic->mode == NIC_BRIDGE) {
			memcpy(nic->mac, first, sizeof(first));
			nic->mac[5] = (uint8_t)(first[5] + n);
			nic->has_mac = true;
		}
		n++;
	}
}

static void
name_take(struct vm *vm, const char *text)
{
	if (!option_get(text, "guest", vm->name, sizeof(vm->name)))
		option_get(text, NULL, vm->name, sizeof(vm->name));
}

bool
qemu_is_qemu(const char *const *argv, size_t argc)
{
	const char *program = argc > 0 ? argv[0] : "";
	const char *slash = strrchr(program, '/'), *end;

	program = slash != NULL ? slash + 1 : program;
	if (strncmp(program, "qemu-", strlen("qemu-")) == 0 && (end = strstr(program, "-softmmu")) != NULL)
		return strcmp(end, "-softmmu") == 0;		/* UTM's */
	/* NixOS runs ".qemu-system-x86_64-wrapped". */
	program += *program == '.';
	return strncmp(program, "qemu-system-", strlen("qemu-system-")) == 0 ||
	    strcmp(program, "qemu-kvm") == 0 || strcmp(program, "kvm") == 0;
}

static bool
vm_put(const struct vm *vm, struct sighting *list, size_t *n, size_t max)
{
	struct sighting *guest = guest_row_add(list, n, max, vm->name, strlen(vm->name)), *s = guest;

	if (guest != NULL && vm->n == 0 && !vm->elsewhere)
		guest->mode = NIC_NONE;
	for (size_t i = 0; guest != NULL && i < vm->n; i++) {
		const struct nic *nic = &vm->nics[i];

		if (i > 0 && (s = guest_row_nic(guest, list, n, max)) == NULL)
			break;
		s->mode = (uint8_t)nic->mode;
		s->has_mac = nic->has_mac;
		memcpy(s->mac, nic->mac, sizeof(s->mac));
		copy_string(s->source, nic->source, sizeof(s->source));
		copy_string(s->link, nic->link, sizeof(s->link));
	}
	return guest != NULL;
}

bool
qemu_args_parse(const char *const *argv, size_t argc, bool (*is_card)(const char *),
    struct sighting *list, size_t *n, size_t max)
{
	struct vm vm = { .n = 0 };

	if (!qemu_is_qemu(argv, argc))
		return false;
	for (size_t i = 1; i < argc; i++) {
		/* "--nic" is as good as "-nic". */
		const char *word = argv[i] + (argv[i][0] == '-' && argv[i][1] == '-');

		if (word[0] != '-')
			continue;
		if (strcmp(word, "-nodefaults") == 0)
			vm.told = true;
		if (i + 1 == argc)
			continue;
		if (strcmp(word, "-readconfig") == 0)
			vm.elsewhere = true;
		if (strcmp(word, "-name") == 0)
			name_take(&vm, argv[++i]);
		else if (strcmp(word, "-nic") == 0)
			backend_take(&vm, argv[++i], true);
		else if (strcmp(word, "-netdev") == 0)
			backend_take(&vm, argv[++i], false);
		else if (strcmp(word, "-net") == 0)
			net_take(&vm, argv[++i]);
		else if (strcmp(word, "-device") == 0) {
			device_take(&vm, argv[++i]);
			if (is_card != NULL)
				card_take(&vm, argv[i], is_card);
		}
	}
	if (!vm.told && !vm.elsewhere)
		backend_take(&vm, "user", false);
	macs_settle(&vm);
	macs_default(&vm);
	return vm_put(&vm, list, n, max);
}
