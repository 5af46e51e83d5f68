/**
 * Whether a host, as `URL` normalises it (lower case, IPv4 as four decimals, IPv6 in brackets), is one of the public
 * internet. Names are checked by their form only: a Worker cannot resolve them before it connects. In production,
 * Cloudflare's network doesn't connect to private addresses; in development, nothing else keeps a name from leading to one.
 */
export function isPublicHost(hostname: string): boolean {
  const host = hostname.replace(/\.+$/, '')
  if (host.startsWith('[')) return isPublicIpv6(host.slice(1, -1))
  if (/^\d+\.\d+\.\d+\.\d+$/.test(host)) return isPublicIpv4(host)
  return host.includes('.') && !PRIVATE_NAME.test(host) && !ANY_ADDRESS.test(host)
}

/** Special-use and customary suffixes of private networks; single labels are refused before. */
const PRIVATE_NAME =
  /\.(?:localhost|localdomain|local|internal|intranet|private|corp|home|lan|svc|home\.arpa)$/
/** Public names that resolve to the address that is written in them, or to loopback. */
const ANY_ADDRESS = /(?:^|\.)(?:(?:nip|sslip|xip)\.io|traefik\.me|localtest\.me|lvh\.me)$/

// IANA's special-purpose registry (RFC 6890 and successors), multicast and reserved space.
const PRIVATE_IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
].map((block) => {
  const [address = '', bits] = block.split('/')
  return { first: ipv4Number(address), size: 2 ** (32 - Number(bits)) }
})

function isPublicIpv4(address: string): boolean {
  const number = ipv4Number(address)
  return !PRIVATE_IPV4.some(({ first, size }) => number >= first && number < first + size)
}

function ipv4Number(address: string): number {
  return address.split('.').reduce((number, octet) => number * 256 + Number(octet), 0)
}

/**
 * Only 2000::/3 is global unicast: that leaves out loopback, link-local, unique local, multicast, IPv4-mapped and NAT64.
 * Within it, Teredo and its neighbours (2001::/23) and 6to4 (2002::/16) can carry private IPv4 addresses.
 */
function isPublicIpv6(address: string): boolean {
  const [first = 0, second = 0] = address.split(':').map((group) => Number.parseInt(group || '0', 16))
  if (first < 0x2000 || first > 0x3fff || first === 0x2002) return false
  if (first === 0x2001 && (second < 0x200 || second === 0xdb8)) return false
  // 3fff::/20 is documentation.
  return first !== 0x3fff || second > 0xfff
}
