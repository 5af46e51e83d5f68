import { reset } from 'cloudflare:test'
import { env as bound } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { R2, startApp } from './kit/app.ts'

afterEach(() => reset())

const KV = { type: 'kv', binding: 'MEDIA_KV' }
const ORIGIN = { type: 'http', name: 'origin', binding: 'ORIGIN' }
const TOO_MANY = {
  r2: 'put: Reduce your concurrent request rate for the same object. (10058)',
  kv: 'KV PUT failed: 429 Too Many Requests',
}

/** The binding with some of its methods replaced. */
function instead<Binding extends object>(binding: Binding, methods: Partial<Binding>): Binding {
  return new Proxy(binding, {
    get(target, property) {
      const method: unknown = Reflect.get(methods, property) ?? Reflect.get(target, property)
      return typeof method === 'function' ? method.bind(target) : method
    },
  })
}

/** The whole app over bindings that misbehave, and the lines that it logs. */
function start(tables: object[], bindings: Record<string, unknown>) {
  const { call, deployment } = startApp({ FALLBACK_STORAGES: tables, ...bindings })
  const lines: Record<string, unknown>[] = []
  const note = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>)
  for (const level of ['info', 'warn', 'error'] as const) vi.spyOn(console, level).mockImplementation(note)
  return {
    lines,
    call,
    state: (index = 0) => [...deployment.health.values()][index]?.().state,
  }
}

function failWith(error: unknown): () => Promise<never> {
  return async () => {
    throw error
  }
}

describe('too many writes of one name', () => {
  const stores: [table: object, binding: 'MEDIA' | 'MEDIA_KV', message: string][] = [
    [R2, 'MEDIA', TOO_MANY.r2],
    [KV, 'MEDIA_KV', TOO_MANY.kv],
  ]
  /** At the same time, because retries wait. */
  const inEach = (check: (...store: (typeof stores)[number]) => Promise<void>): Promise<unknown> =>
    Promise.all(stores.map((store) => check(...store)))

  it('in R2 and KV are 429 with Retry-After, and other names are still searched', () =>
    inEach(async (table, name, message) => {
      const failing = instead<object>(bound[name], { put: failWith(new Error(message)) })
      const { call, state } = start([table], { [name]: failing })
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => call('/hot.txt', { method: 'PUT', body: 'x' })),
      )
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 429))
      expect(answers[0]?.headers.get('Retry-After')).toBe('1')
      expect(await answers[0]?.json()).toMatchObject({ backends: [{ error: 'too-many-writes' }] })
      expect((await call('/other.txt')).status).toBe(404)
      expect(state()).toBe('closed')
    }))

  it('in R2 and KV are retried if the bytes are in memory', () =>
    inEach(async (table, name, message) => {
      let failures = 2
      const put = (...call: [string, string]) =>
        failures-- > 0 ? failWith(new Error(message))() : bound[name].put(...call)
      const { call } = start([table], { [name]: instead<object>(bound[name], { put }) })
      expect((await call('/-/api/save/a.txt', { method: 'POST', body: 'saved' })).status).toBe(201)
      expect(await (await call('/a.txt')).text()).toBe('saved')

      failures = 2
      expect((await call('/b.txt', { method: 'PUT', body: 'put' })).status).toBe(201)
      expect(await (await call('/b.txt')).text()).toBe('put')
    }))
})

describe('a slow primary', () => {
  it('is not taken for broken because a hedged request was faster', async () => {
    await bound.MEDIA_KV.put('a.txt', 'quick')
    const slow = {
      fetch: async () => {
        await new Promise((resolve) => setTimeout(resolve, 1500))
        return new Response('slow')
      },
    }
    const { call, state } = start([{ ...ORIGIN, hedge_ms: 20 }, KV], { ORIGIN: slow })
    const texts = await Promise.all(Array.from({ length: 12 }, async () => (await call('/a.txt')).text()))
    expect(new Set(texts)).toEqual(new Set(['quick']))
    expect(state()).toBe('closed')
    expect(await (await call('/only-there.txt')).text()).toBe('slow')
  })
})

describe('an interrupted body', () => {
  const breaking = () =>
    new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new Uint8Array(10)),
      pull: (controller) => controller.error(new Error('Network connection lost.')),
    })

  it.each([
    ['R2', R2],
    ['KV', KV],
  ])('from twelve clients does not open the breaker of %s', async (_, table) => {
    const { call, state } = start([table], {})
    const upload = (length: string) =>
      call('/a.bin', { method: 'PUT', body: breaking(), headers: { 'Content-Length': length } })
    for (let time = 0; time < 12; time++) expect((await upload('100')).status).toBe(400)
    expect(state()).toBe('closed')
  })

  it('from a source, in twelve copies, does not open the breaker of the primary', async () => {
    const source = {
      fetch: async () => new Response(breaking(), { headers: { 'Content-Length': '200000' } }),
    }
    const { call, state, lines } = start([R2, ORIGIN], {
      ORIGIN: source,
      FALLBACK_DATA_MIGRATION: true,
      COPY_QUEUE: undefined,
    })
    const reads = Array.from({ length: 12 }, async (_, time) => (await call(`/a${time}.bin`)).arrayBuffer())
    expect((await Promise.allSettled(reads)).map(({ status }) => status)).not.toContain('fulfilled')
    await expect.poll(() => lines.filter(({ event }) => event === 'copy')).toHaveLength(12)
    expect(state()).toBe('closed')
  })
})

describe('the log', () => {
  const attempts = (lines: Record<string, unknown>[]) =>
    lines.find(({ event }) => event === 'request')?.['attempts']

  it('has the class and message of a backend’s error, and the response does not', async () => {
    const origin = {
      fetch: failWith(new Error('connect to 10.0.0.7:8080 via https://me:hush@proxy.internal/?key=hush')),
    }
    const { call, lines } = start([R2, ORIGIN], { ORIGIN: origin })
    const response = await call('/a.txt')
    expect(response.status).toBe(502)
    expect(await response.text()).not.toMatch(/10\.0\.0\.7|proxy|hush/)
    expect(attempts(lines)).toEqual([
      'media=absent',
      'origin=error (could not be reached, or the connection was interrupted ← Error: connect to 10.0.0.7:8080 via https://…@proxy.internal/?…)',
    ])
  })

  it.each([
    [
      'R2',
      R2,
      { MEDIA: instead(bound.MEDIA, { get: failWith(new Error('get: oops (10999)')) }) },
      'media=error (R2 failed with code 10999 ← Error: get: oops (10999))',
    ],
    [
      'KV',
      KV,
      {
        MEDIA_KV: instead<object>(bound.MEDIA_KV, {
          getWithMetadata: failWith(new Error('KV GET failed: 500 oops')),
        }),
      },
      'media_kv=error (KV failed with status 500 ← Error: KV GET failed: 500 oops)',
    ],
  ])('has what the binding of %s threw', async (_, table, bindings, line) => {
    const { call, lines } = start([table], bindings)
    expect((await call('/a.txt')).status).toBe(502)
    expect(attempts(lines)).toEqual([line])
  })
})

describe('a bug in this software', () => {
  /** An object whose metadata makes this software throw. */
  const odd = {
    get httpMetadata(): never {
      throw new TypeError('cannot read properties of a mistake')
    },
  }
  const MEDIA = instead(bound.MEDIA, { get: async () => odd as never, head: async () => odd as never })

  it('is a 500 with its stack in the log, not a backend failure that another backend hides', async () => {
    await bound.MEDIA_KV.put('a.txt', 'in the fallback')
    const { call, lines, state } = start([R2, KV], { MEDIA })
    for (let time = 0; time < 12; time++) {
      const response = await call('/a.txt')
      expect(response.status).toBe(500)
      expect(response.headers.get('Cache-Control')).toBe('no-store')
      expect(await response.json()).not.toHaveProperty('backends')
    }
    expect(state()).toBe('closed')
    const line = lines.find(({ event }) => event === 'unexpected')
    expect(line?.['error']).toContain('TypeError: cannot read properties of a mistake')
    expect(line?.['stack']).toContain('failures.test.ts')
  })

  it('is a 500 if the chain is hedged, and in an explanation', async () => {
    const { call } = start([{ ...R2, hedge_ms: 1000 }, KV], { MEDIA })
    expect((await call('/a.txt')).status).toBe(500)
    expect((await call('/-/api/explain/a.txt')).status).toBe(500)
  })
})

describe('Retry-After', () => {
  const after = (value: string) => ({
    fetch: async () => new Response(null, { status: 503, headers: { 'Retry-After': value } }),
  })
  const echoed = async (value: string) =>
    (await start([ORIGIN], { ORIGIN: after(value) }).call('/a.txt')).headers.get('Retry-After')

  it('is passed on up to a minute, and omitted if it is zero', async () => {
    expect(await echoed('7')).toBe('7')
    expect(await echoed('7200')).toBe('60')
    expect(await echoed('Sat, 31 Dec 2099 23:59:59 GMT')).toBe('60')
    expect(await echoed('0')).toBeNull()
    expect(await echoed('Thu, 01 Jan 1970 00:00:00 GMT')).toBeNull()
  })
})
