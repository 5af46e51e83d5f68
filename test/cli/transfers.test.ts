import { randomBytes } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { startCuttingProxy, type CuttingProxy } from '../kit/servers/cutting-proxy.ts'
import { TOKEN } from '../kit/worker/site.ts'
import { useDeployment } from './deployment.ts'
import { createCli, createTerminal, records, type Cli } from './run.ts'

const MIB = 1024 * 1024
const SHOW_CURSOR = '\u001b[?25h'
const SIZE = 6 * MIB
const big = randomBytes(SIZE)

const deployment = useDeployment()
let proxy: CuttingProxy
let cli: Cli

beforeAll(async () => {
  proxy = await startCuttingProxy(deployment.site.url)
  cli = createCli(proxy.url, TOKEN)
  await writeFile(join(deployment.folder, 'source.bin'), big)
  const { code, stderr } = await cli(['put', '--checksum', join(deployment.folder, 'source.bin'), 'big.bin'])
  if (code !== 0) throw new Error(stderr)
})

afterAll(() => proxy?.close())

beforeEach(() => {
  proxy.cut(0, 0)
  proxy.slow(0)
  proxy.requests.length = 0
})

const file = (name: string) => join(deployment.folder, name)
const onTerminal = (...args: Parameters<ReturnType<typeof createTerminal>>) =>
  createTerminal(proxy.url, TOKEN)(...args)

it('resumes by itself when the connection is lost', async () => {
  proxy.cut(2, 2 * MIB)
  const { code, stderr } = await cli(['get', 'big.bin', file('resumed.bin')])
  expect(code, stderr).toBe(0)
  expect(big.equals(await readFile(file('resumed.bin')))).toBe(true)
  const begins = proxy.requests.map(({ range }) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0) / MIB)
  // Bytes in flight may be lost along with the connection.
  expect(begins).toEqual([0, expect.closeTo(2, 0), expect.closeTo(4, 0)])
  expect(proxy.requests[1]?.['if-range']).toMatch(/^".+"$/)
  expect(stderr).toContain('the connection was closed; resuming at ')
})

it('resumes to standard output as well', async () => {
  proxy.cut(1, 2 * MIB)
  const { code, bytes } = await cli(['get', 'big.bin', '-'])
  expect(code).toBe(0)
  expect(big.equals(bytes)).toBe(true)
})

it('resumes an interrupted download, and requests only the rest', async () => {
  proxy.slow(20)
  const interrupt = new AbortController()
  const interrupted = cli(['get', 'big.bin', file('later.bin')], { signal: interrupt.signal })
  await expect.poll(() => sizeOf(file('later.bin.part')), { timeout: 20_000 }).toBeGreaterThan(MIB)
  interrupt.abort()
  expect(await interrupted).toMatchObject({
    code: 130,
    stderr: expect.stringContaining('Run the same command again to resume'),
  })
  await expect(stat(file('later.bin'))).rejects.toThrow('ENOENT')

  proxy.slow(0)
  const there = await sizeOf(file('later.bin.part'))
  const ran = await cli(['get', 'big.bin', file('later.bin'), '--json'])
  expect(records(ran)).toMatchObject([{ size: SIZE, resumed_from: there }])
  expect(proxy.requests.at(-1)?.range).toBe(`bytes=${there}-`)
  expect(big.equals(await readFile(file('later.bin')))).toBe(true)
  for (const left of ['later.bin.part', 'later.bin.part.json'])
    await expect(stat(file(left))).rejects.toThrow('ENOENT')
})

it.each([
  { what: 'the object was replaced', etag: '"another"', flags: [] },
  { what: '--no-resume is given', etag: undefined, flags: ['--no-resume'] },
])('starts over when $what', async ({ etag, flags }) => {
  const url = `${proxy.url}big.bin`
  const current = (await fetch(url, { method: 'HEAD' })).headers.get('etag')
  await writeFile(file('anew.bin.part'), 'other bytes')
  await writeFile(file('anew.bin.part.json'), JSON.stringify({ url, etag: etag ?? current }))
  const ran = await cli(['get', 'big.bin', file('anew.bin'), '--json', ...flags])
  expect(records(ran)).toMatchObject([{ size: SIZE, resumed_from: 0 }])
  expect(big.equals(await readFile(file('anew.bin')))).toBe(true)
})

it('resumes within an object that is stored with a Content-Encoding', async () => {
  const body = gzipSync(big)
  const headers = { 'Content-Encoding': 'gzip' }
  const { headers: answered } = await deployment.site.call('big.bin.gz', { method: 'PUT', headers, body })
  await writeFile(file('gz.part'), body.subarray(0, MIB))
  const note = { url: `${proxy.url}big.bin.gz`, etag: answered.get('etag') }
  await writeFile(file('gz.part.json'), JSON.stringify(note))
  const ran = await cli(['get', 'big.bin.gz', file('gz'), '--json'])
  expect(records(ran)).toMatchObject([{ size: body.length, resumed_from: MIB }])
  expect(body.equals(await readFile(file('gz')))).toBe(true)
})

it('requests nothing but the end if the download was already complete', async () => {
  const url = `${proxy.url}big.bin`
  const etag = (await fetch(url, { method: 'HEAD' })).headers.get('etag')
  await writeFile(file('whole.bin.part'), big)
  await writeFile(file('whole.bin.part.json'), JSON.stringify({ url, etag }))
  expect(await cli(['get', 'big.bin', file('whole.bin')])).toMatchObject({ code: 0 })
  expect(proxy.requests.map(({ range }) => range)).toEqual([`bytes=${SIZE}-`])
  expect(big.equals(await readFile(file('whole.bin')))).toBe(true)
})

it('fails at once if the Worker was never reached', async () => {
  const { code, stderr } = await cli(['get', 'big.bin', file('never.bin')], {
    env: { FALLBACK_STORAGE_URL: 'http://127.0.0.1:1023/' },
  })
  expect(stderr).toMatch(/^error: the Worker cannot be reached: nothing listens there\n/)
  expect(code).toBe(1)
})

it('streams standard input of unknown length', async () => {
  const { code, stderr } = await cli(['put', '-', 'piped.bin'], { stdin: big })
  expect(code, stderr).toBe(0)
  expect(big.equals((await cli(['get', 'piped.bin', '-'])).bytes)).toBe(true)
})

it('reports a refused token, however large the upload', async () => {
  await writeFile(file('large.bin'), Buffer.alloc(24 * MIB))
  const { code, stderr } = await cli(['put', file('large.bin'), 'x'], {
    env: { FALLBACK_STORAGE_URL: deployment.site.url, FALLBACK_STORAGE_TOKEN: 'wrong' },
  })
  expect(stderr).toContain('the bearer token is invalid')
  expect(code).toBe(4)
})

it('draws a bar on a terminal and removes it at the end', async () => {
  proxy.slow(15)
  const shown = await onTerminal(['get', 'big.bin', file('bar.bin')])
  expect(shown).toMatch(/big\.bin {2}█+░+ {2}[\d.]+ MiB of 6\.0 MiB \(\d+ %\), [\d.]+ MiB\/s, \d+ s left/)
  const end = shown.slice(shown.lastIndexOf(SHOW_CURSOR))
  expect(end).toMatch(/bar\.bin: 6\.0 MiB in [\d ms]+\r\n$/)
  expect(end).not.toContain('█')
})

it('colours results on a terminal, unless NO_COLOR is set', async () => {
  expect(await onTerminal(['explain', 'big.bin'])).toContain('\u001b[32mserved by media')
  expect(await onTerminal(['explain', 'big.bin'], { NO_COLOR: '1' })).not.toContain('\u001b[')
})

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  )
}
