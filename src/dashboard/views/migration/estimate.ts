import type { Estimate } from '../../../client/client.ts'
import { formatBytes, formatCount, formatList } from '../../format.ts'

/** The estimate of a dry run in words; pure. */

export interface Cost {
  label: string
  amount: string
}

/** `r2_class_a` as in Cloudflare's price list. */
function serviceLabel(service: string): string {
  if (service === 'egress') return 'reading from the sources'
  const words = service.replaceAll('_', ' ')
  return words.replace(
    /^r2 class ([ab])$/,
    (_, letter: string) => `R2 class ${letter.toUpperCase()} operations`,
  )
}

export function formatUsd(amount: number): string {
  return amount > 0 && amount < 0.01 ? 'under $0.01' : `$${amount.toFixed(2)}`
}

export function describeSize({ objects, bytes, objects_of_unknown_size: unsized }: Estimate): string {
  if (unsized === 0) return formatBytes(bytes)
  if (unsized === objects) return 'of unknown size'
  return `${formatBytes(bytes)}, and ${formatCount(unsized)} of unknown size`
}

/** What copying costs once, by service. What is not known is not in it, and `unknown` says so. */
export function costsOf({ cost_usd: cost, egress_unknown: unknown }: Estimate) {
  const { total, ...services } = cost
  const known = Object.values(services).reduce<number>((sum, amount) => sum + (amount ?? 0), 0)
  return {
    total: typeof total === 'number' ? formatUsd(total) : `at least ${formatUsd(known)}`,
    services: Object.entries(services).map(([service, amount]): Cost => ({
      label: serviceLabel(service),
      amount: amount === null ? 'unknown' : formatUsd(amount),
    })),
    unknown:
      unknown.length === 0
        ? null
        : `What reading from ${formatList(unknown)} costs is unknown, and may be more than everything else: set egress_usd_per_gb for ${unknown.length === 1 ? 'it' : 'each'}.`,
  }
}

export function describeMonthly({ storage_usd_per_month: monthly }: Estimate): string {
  return monthly === null ? 'unknown, because sizes are unknown' : formatUsd(monthly)
}
