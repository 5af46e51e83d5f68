import type { Check } from '../checks.ts'

interface ChainDescription {
  backends: readonly { name: string; type: string; role: string; writable: boolean }[]
  migration: boolean
  deletes: string
}

/** Whether the order of the backends lets uploads, deletes and copies do their work. */
export function checkChain({ backends, migration, deletes }: ChainDescription): Check {
  const chain = backends.map(
    ({ name, type, role, writable }) =>
      `${name} (${type}${role === 'mirror' ? ', mirror' : writable ? '' : ', read-only'})`,
  )
  const rules = `${migration ? 'copying on read' : 'no copying on read'}, deletes: ${deletes}`
  const about = { name: 'chain', detail: `${chain.join(' → ')}; ${rules}` }
  const firstWritable = backends.findIndex(({ writable }) => writable)
  const primary = backends[firstWritable]?.name
  const before = backends.slice(0, firstWritable).map(({ name }) => name)
  if (primary === undefined) {
    return { ...about, status: 'warning', fix: 'uploads and deletes fail with 501: add a writable backend' }
  }
  if (migration && firstWritable === backends.length - 1) {
    const fix =
      backends.length === 1
        ? 'there is nothing to copy from: set FALLBACK_DATA_MIGRATION = false, or add a backend after it'
        : 'nothing can be copied: put a writable backend before the ones to migrate from'
    return { ...about, status: 'warning', fix }
  }
  if (before.length > 0) {
    const fix = `${before.join(' and ')} cannot be written to and is read first, so its objects hide what is uploaded to ${primary}: put ${primary} first`
    return { ...about, status: 'warning', fix }
  }
  return { ...about, status: 'ok' }
}
