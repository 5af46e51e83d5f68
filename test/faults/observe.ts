import { hash } from 'node:crypto'
import type { Outcome } from './expected.ts'
import { TOKEN, type Site } from '../kit/worker/site.ts'
import type { Operation } from './situations.ts'

/** One name, requested once. */
export interface Probe {
  operation: Operation
  /** The directory that is listed, and in it the only name. */
  directory: string
  name: string
  content: Buffer
}

export const PART = { start: 1000, end: 1999 }

/** The response to one request. */
export async function observe(site: Site, probe: Probe): Promise<Omit<Outcome, 'copied'>> {
  const { operation, name } = probe
  const path = name.split('/').map(encodeURIComponent).join('/')
  if (operation === 'get' || operation === 'range' || operation === 'head') {
    const response = await fetch(site.url + path, {
      method: operation === 'head' ? 'HEAD' : 'GET',
      headers: {
        'Accept-Encoding': 'identity',
        ...(operation === 'range' && { Range: `bytes=${PART.start}-${PART.end}` }),
      },
    })
    const seen = { status: response.status, ...described(response) }
    return response.ok
      ? { ...seen, content: await contentOf(response, probe) }
      : { ...seen, ...(await refusalOf(response)) }
  }
  const target =
    operation === 'list'
      ? `list/${encodeURIComponent(probe.directory.slice(0, -1))}/`
      : `${operation}/${path}`
  const response = await fetch(`${site.url}-/api/${target}`, {
    headers: { Authorization: `Bearer ${TOKEN}` },
  })
  if (!response.ok) return { status: response.status, ...described(response), ...(await refusalOf(response)) }
  return { status: response.status, content: contentIn(await response.json(), probe) }
}

/** Waits until the copy has ended, with any outcome. */
export async function copyEnded(site: Site, { name }: Probe): Promise<void> {
  await site.copied(name)
}

/** Names that were copied into R2, without those stored by clients. */
export async function copiedNames({ bucket }: Site): Promise<Set<string>> {
  const names = new Set<string>()
  let cursor: string | undefined
  do {
    const page = await bucket.list({ include: ['customMetadata'], ...(cursor !== undefined && { cursor }) })
    for (const { key, customMetadata } of page.objects)
      if (customMetadata?.['fallback-storage-copied'] !== undefined) names.add(key)
    cursor = page.truncated ? page.cursor : undefined
  } while (cursor !== undefined)
  return names
}

/** Whether the primary now answers with the right bytes. */
export async function isRightCopy(site: Site, probe: Probe): Promise<boolean> {
  const { content, cacheStatus } = await observe(site, { ...probe, operation: 'get' })
  return content === 'whole' && cacheStatus === 'hit; detail=media'
}

function described({ headers }: Response): Pick<Outcome, 'cacheControl' | 'cacheStatus' | 'trace'> {
  const cacheStatus = headers.get('Cache-Status')?.replace('fallback-storage; ', '')
  const timing = headers.get('Server-Timing')
  const cacheControl = headers.get('Cache-Control')
  return {
    ...(cacheControl !== null && { cacheControl }),
    ...(cacheStatus !== undefined && { cacheStatus }),
    ...(timing !== null && {
      // Whether a request was speculative changes nothing else.
      trace: timing
        .split(', ')
        .filter((entry) => !entry.endsWith('=cancelled'))
        .map((entry) => entry.replace(/;dur=[\d.]+;desc=/, ': ').replace(/"(\w+); speculative"/, '$1')),
    }),
  }
}

async function contentOf(response: Response, { operation, content }: Probe): Promise<Outcome['content']> {
  const { headers } = response
  const length = headers.get('Content-Length')
  if (operation === 'head') {
    if (length !== null && length !== `${content.length}`) throw new Error(`HEAD announces ${length} bytes`)
    return 'none'
  }
  let bytes: Buffer
  try {
    bytes = Buffer.from(await response.arrayBuffer())
  } catch {
    return 'breaks'
  }
  const part = response.status === 206
  const range = part ? `bytes ${PART.start}-${PART.end}/${content.length}` : null
  const right = part ? content.subarray(PART.start, PART.end + 1) : content
  const seen = {
    range: headers.get('Content-Range'),
    sha256: hash('sha256', bytes),
    length: length ?? `${bytes.length}`,
  }
  const wanted = { range, sha256: hash('sha256', right), length: `${right.length}` }
  if (JSON.stringify(seen) === JSON.stringify(wanted)) return part ? 'part' : 'whole'
  throw new Error(`wrong under ${response.status}: ${JSON.stringify({ seen, wanted })}`)
}

async function refusalOf(response: Response): Promise<Pick<Outcome, 'content' | 'failures'>> {
  const text = await response.text()
  if (text === '') return { content: 'none' }
  const { backends } = JSON.parse(text) as { backends?: { name: string; error: string }[] }
  return {
    content: 'none',
    ...(backends && { failures: backends.map(({ name, error }) => `${name}: ${error}`) }),
  }
}

interface Answer {
  exists?: boolean
  size?: number
  objects?: { name: string; backend: string }[]
  backends?: { name: string; error: string }[]
}

function contentIn(answer: unknown, { name, content }: Probe): Outcome['content'] {
  const { exists, size, objects = [], backends = [] } = answer as Answer
  if (exists !== undefined) return { exists }
  if (size === content.length) return { size: 'right' }
  if (size !== undefined) throw new Error(`the answered size is ${size}`)
  if (objects.some((object) => object.name !== name)) throw new Error(`lists ${JSON.stringify(objects)}`)
  return {
    from: objects[0]?.backend ?? null,
    degraded: backends.map((backend) => `${backend.name}: ${backend.error}`),
  }
}
