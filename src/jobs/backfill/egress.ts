interface Priced {
  name: string
  egressUsdPerGb?: number
}

/** What is used of a backend's settings. */
type PricedBackend =
  | { name: string; type: 'r2' }
  | { name: string; type: 'kv' }
  | (Priced & { type: 's3'; endpoint: string; region: string })
  | (Priced & { type: 'http'; url?: string; binding?: string })

/** Dollars for a GB (10⁹ bytes), up to so many GB in a month. */
type Tier = readonly [upToGb: number, usdPerGb: number]

export interface EgressPrice {
  /** Whose price list, or the setting. */
  by: string
  tiers: readonly Tier[]
}

/** By backend; one without has no known price. */
export type EgressPrices = Readonly<Record<string, EgressPrice>>

/** What a dry run found to be copied from one source. */
export interface Found {
  objects: number
  /** Of those whose sizes are known. */
  bytes: number
  /** Objects of unknown size. */
  unsized: number
}

export interface Egress {
  /** `null` where anything of it is unknown. */
  usd: number | null
  /** Backends that something is to be copied from for an unknown price, or with unknown sizes. */
  unknown: string[]
  by: Record<string, string>
}

const FREE: readonly Tier[] = [[Infinity, 0]]

/**
 * Providers by their hosts. One whose price depends on more than its host (the bucket's region, a contract) is left out.
 * Each as if nothing else were read there in that month.
 */
const PROVIDERS: readonly { host: RegExp; price: EgressPrice }[] = [
  {
    // https://aws.amazon.com/s3/pricing/, regions in the USA, Canada and the EU: all others cost more.
    host: /(?:^|\.)s3(?:(?:\.dualstack)?[.-](?:us-(?:east|west)-[12]|ca-central-1|eu-(?:central|west|north|south)-\d))?\.amazonaws\.com$/,
    price: {
      by: 'Amazon S3',
      tiers: [
        [100, 0],
        [10_000, 0.09],
        [50_000, 0.085],
        [150_000, 0.07],
        [Infinity, 0.05],
      ],
    },
  },
  {
    // https://docs.digitalocean.com/products/spaces/details/pricing/
    host: /\.digitaloceanspaces\.com$/,
    price: {
      by: 'DigitalOcean Spaces',
      tiers: [
        [1000, 0],
        [Infinity, 0.01],
      ],
    },
  },
  // https://www.backblaze.com/cloud-storage/pricing: free to Cloudflare, by the Bandwidth Alliance.
  { host: /\.backblazeb2\.com$/, price: { by: 'Backblaze B2', tiers: FREE } },
  // https://wasabi.com/pricing: free for as much in a month as is stored.
  { host: /(?:^|\.)wasabisys\.com$/, price: { by: 'Wasabi', tiers: FREE } },
  // https://developers.cloudflare.com/r2/pricing/
  { host: /\.r2\.(?:cloudflarestorage\.com|dev)$/, price: { by: 'Cloudflare', tiers: FREE } },
]

/** What reading out of each backend costs, as far as that is known. */
export function egressPrices(backends: readonly PricedBackend[]): EgressPrices {
  return Object.fromEntries(
    backends.flatMap((backend) => {
      const price = priceOf(backend)
      return price ? [[backend.name, price]] : []
    }),
  )
}

function priceOf(backend: PricedBackend): EgressPrice | undefined {
  if (backend.type === 'r2' || backend.type === 'kv') return { by: 'Cloudflare', tiers: FREE }
  if (backend.egressUsdPerGb !== undefined)
    return { by: 'egress_usd_per_gb', tiers: [[Infinity, backend.egressUsdPerGb]] }
  const host = hostOf(backend)
  return PROVIDERS.find((provider) => provider.host.test(host))?.price
}

function hostOf(backend: Extract<PricedBackend, { type: 's3' | 'http' }>): string {
  if (backend.type === 'http') {
    // Behind a binding may be anything.
    return backend.url === undefined || backend.binding !== undefined ? '' : new URL(backend.url).hostname
  }
  const { hostname } = new URL(backend.endpoint)
  const isGlobal = hostname === 's3.amazonaws.com' && backend.region !== 'auto'
  return isGlobal ? `s3.${backend.region}.amazonaws.com` : hostname
}

/** What reading that much costs. The tiers of one provider count once for all its backends. */
export function estimateEgress(found: Readonly<Record<string, Found>>, prices: EgressPrices): Egress {
  const needed = Object.entries(found).filter(([, { objects }]) => objects > 0)
  const isUnknown = ([backend, { unsized }]: [string, Found]): boolean => {
    const price = prices[backend]
    return !price || (unsized > 0 && price.tiers.some(([, usd]) => usd > 0))
  }
  const bills = new Map<readonly Tier[], number>()
  const by: Egress['by'] = {}
  for (const [backend, { bytes }] of needed) {
    const price = prices[backend]
    if (!price) continue
    by[backend] = price.by
    bills.set(price.tiers, (bills.get(price.tiers) ?? 0) + bytes)
  }
  const unknown = needed.filter(isUnknown).map(([backend]) => backend)
  const usd = [...bills].reduce((sum, [tiers, bytes]) => sum + billFor(bytes / 1e9, tiers), 0)
  return { usd: unknown.length > 0 ? null : usd, unknown, by }
}

function billFor(gb: number, tiers: readonly Tier[]): number {
  let usd = 0
  let from = 0
  for (const [upTo, perGb] of tiers) {
    usd += Math.max(0, Math.min(gb, upTo) - from) * perGb
    from = upTo
  }
  return usd
}
