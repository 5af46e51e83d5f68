import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startStack, type Stack } from '../../demo/stack.ts'
import { longFilm, mediaFolder, mediaUrl, untilMigrated, type MediaFolder } from '../kit/servers/media.ts'

const SIZE = 20 * 1024 * 1024
const big = randomBytes(SIZE)
const FILMS = ['video/testcard.mp4', 'video/testcard (moov at end).mp4', 'video/long.mp4']

let media: MediaFolder
let stack: Stack
let downloads: string

beforeAll(async () => {
  media = await mediaFolder()
  await media.add('big.bin', big)
  await media.add('video/long.mp4', await longFilm())
  downloads = await mkdtemp(join(tmpdir(), 'downloads-'))
  stack = await startStack({ media: media.path })
})

afterAll(async () => {
  await stack?.stop()
  await media?.remove()
  if (downloads) await rm(downloads, { recursive: true, force: true })
})

let aliases = 0

/** 20 MiB that have not been requested yet, so that the first request falls back. */
async function coldBig(): Promise<string> {
  aliases += 1
  return mediaUrl(stack.worker.url, await media.alias(`big (${aliases}).bin`, 'big.bin'))
}

/** Runs the check on a name that only the legacy origin has, and again once it is in the primary. */
async function beforeAndAfterMigration(url: string, check: (phase: string) => Promise<void>): Promise<void> {
  await check('before')
  await untilMigrated(url)
  await check('after')
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** A client that is not installed fails the test. */
async function run(
  command: string,
  ...args: string[]
): Promise<{ code: number; stdout: Buffer; stderr: string }> {
  const child = spawn(command, args, { cwd: downloads, stdio: ['ignore', 'pipe', 'pipe'] })
  const stdout: Buffer[] = []
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number]
  return { code, stdout: Buffer.concat(stdout), stderr }
}

async function succeed(command: string, ...args: string[]): Promise<Buffer> {
  const { code, stdout, stderr } = await run(command, ...args)
  expect(code, `${command} ${args.join(' ')}\n${stderr}`).toBe(0)
  return stdout
}

describe('curl', () => {
  it.each([
    { range: '100-199', start: 100, end: 200 },
    { range: '0-0', start: 0, end: 1 },
    { range: '-1000', start: SIZE - 1000, end: SIZE },
    { range: `${SIZE - 10}-`, start: SIZE - 10, end: SIZE },
    { range: `${SIZE - 10}-${SIZE + 10}`, start: SIZE - 10, end: SIZE },
  ])('gets the bytes of -r $range', async ({ range, start, end }) => {
    const url = await coldBig()
    await beforeAndAfterMigration(url, async (phase) => {
      const bytes = await succeed('curl', '-sSf', '-r', range, url)
      expect(sha256(bytes), phase).toBe(sha256(big.subarray(start, end)))
    })
  })

  it.each([
    { flag: '-T', sends: 'no type' },
    { flag: '--data-binary', sends: 'a form’s' },
  ])('uploads a picture as a picture with $flag, which sends $sends', async ({ flag }) => {
    const url = mediaUrl(stack.worker.url, `uploaded${flag}.jpg`)
    const body = flag === '-T' ? 'harbour.jpg' : '@harbour.jpg'
    await writeFile(join(downloads, 'harbour.jpg'), big.subarray(0, 1000))
    const token = `Authorization: Bearer ${stack.token}`
    await succeed('curl', '-sSf', '-X', 'PUT', '-H', token, flag, body, url)
    const type = await succeed('curl', '-sSf', '-o', '/dev/null', '-w', '%{content_type}', url)
    expect(type.toString()).toBe('image/jpeg')
  })

  it('gets the size when the range begins after the end', async () => {
    const head = await succeed('curl', '-sS', '-D', '-', '-o', '/dev/null', '-r', `${SIZE}-`, await coldBig())
    expect(head.toString()).toMatch(/^HTTP\/1\.1 416 /)
    expect(head.toString().toLowerCase()).toContain(`content-range: bytes */${SIZE}\r\n`)
  })

  it('gets the whole file once when it requests several ranges', async () => {
    const url = await coldBig()
    await beforeAndAfterMigration(url, async (phase) => {
      const bytes = await succeed('curl', '-sSf', '-r', '0-99,200-299', url)
      expect(sha256(bytes), phase).toBe(sha256(big))
    })
  })

  it('downloads nothing new with -z and the date of its copy', async () => {
    const url = await coldBig()
    await beforeAndAfterMigration(url, async (phase) => {
      const copy = join(downloads, `dated-${phase}.bin`)
      await succeed('curl', '-sSf', '-R', '-o', copy, url)
      const status = (when: string) =>
        succeed('curl', '-sS', '-o', '/dev/null', '-w', '%{http_code} %{size_download}', '-z', when, url)
      expect((await status(copy)).toString(), phase).toBe('304 0')
      expect((await status('1 Jan 2001')).toString(), phase).toBe(`200 ${SIZE}`)
    })
  })

  it('can use an ETag from before the migration after it', async () => {
    const url = await coldBig()
    const etag = join(downloads, 'saved.etag')
    await succeed('curl', '-sSf', '-o', join(downloads, 'etag.bin'), '--etag-save', etag, url)
    expect((await readFile(etag, 'utf8')).trim()).toMatch(/^"[^"]+"$/)
    await beforeAndAfterMigration(url, async (phase) => {
      const written = '%{http_code} %{size_download}'
      const answer = await succeed(
        'curl',
        '-sS',
        '-o',
        '/dev/null',
        '-w',
        written,
        '--etag-compare',
        etag,
        url,
      )
      expect(answer.toString(), phase).toBe('304 0')
    })
  })

  it('finishes a download with -C -', async () => {
    const url = await coldBig()
    await beforeAndAfterMigration(url, async (phase) => {
      const file = join(downloads, `curl-${phase}.bin`)
      await writeFile(file, big.subarray(0, 7_654_321))
      await succeed('curl', '-sSf', '-C', '-', '-o', file, url)
      expect(sha256(await readFile(file)), phase).toBe(sha256(big))
    })
  })
})

describe('wget', () => {
  it('finishes a download with -c', async () => {
    const url = await coldBig()
    await beforeAndAfterMigration(url, async (phase) => {
      const file = join(downloads, `wget-${phase}.bin`)
      await writeFile(file, big.subarray(0, 7_654_321))
      await succeed('wget', '-q', '-c', '-O', file, url)
      expect(sha256(await readFile(file)), phase).toBe(sha256(big))
    })
  })
})

describe('aria2c', () => {
  it('puts the file together from ranges that it fetches side by side', async () => {
    const url = await coldBig()
    await beforeAndAfterMigration(url, async (phase) => {
      const file = `aria2-${phase}.bin`
      await succeed(
        'aria2c',
        '-q',
        '-x',
        '8',
        '-s',
        '16',
        '-k',
        '1M',
        '--no-conf',
        '-d',
        downloads,
        '-o',
        file,
        url,
      )
      expect(sha256(await readFile(join(downloads, file))), phase).toBe(sha256(big))
    })
  })
})

describe.each(FILMS)('ffmpeg, playing %s', (name) => {
  it('reads its contents, and the picture in its middle', async () => {
    const url = mediaUrl(stack.worker.url, name)
    const picture = (from: string) =>
      succeed(
        'ffmpeg',
        '-v',
        'error',
        '-ss',
        '4',
        '-i',
        from,
        '-map',
        '0:v',
        '-frames:v',
        '1',
        '-f',
        'framemd5',
        '-',
      )
    const expected = await picture(media.file(name))
    await beforeAndAfterMigration(url, async (phase) => {
      const entries = 'format=duration:stream=codec_name'
      const probed = await succeed('ffprobe', '-v', 'error', '-of', 'json', '-show_entries', entries, url)
      const { format, streams } = JSON.parse(probed.toString()) as {
        format: { duration: string }
        streams: { codec_name: string }[]
      }
      expect(Number(format.duration), phase).toBeCloseTo(8, 1)
      expect(
        streams.map((stream) => stream.codec_name),
        phase,
      ).toEqual(['h264', 'aac'])
      expect((await picture(url)).toString(), phase).toBe(expected.toString())
    })
  })
})
