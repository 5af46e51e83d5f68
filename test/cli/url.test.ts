import { describe, expect, it } from 'vitest'
import { useDeployment } from './deployment.ts'
import { records } from './run.ts'

const KEY = { id: 'k1', key: 'a key that signs the URLs of this test' }
const deployment = useDeployment({
  vars: { MEDIA_ACCESS: 'signed', URL_SIGNING_KEYS: JSON.stringify([KEY]) },
})

const NAME = 'photos/photo (1).jpg'

async function urlOf(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await deployment.cli(['url', ...args])
  expect([code, stderr]).toEqual([0, ''])
  return stdout.trim()
}

function lifetime(url: string): number {
  return Number(new URL(url).searchParams.get('expires')) - Date.now() / 1000
}

describe('url', () => {
  it('prints a URL that works without a token, for an hour', async () => {
    const url = await urlOf(NAME)
    expect(lifetime(url)).toBeGreaterThan(3500)
    expect(lifetime(url)).toBeLessThanOrEqual(3600)
    const response = await fetch(url)
    expect([response.status, response.headers.get('Content-Type')]).toEqual([200, 'image/jpeg'])
    await response.body?.cancel()
    expect((await fetch(url.split('?')[0]!)).status).toBe(403)
  })

  it.each([
    ['90s', 90],
    ['90', 90],
    ['15m', 900],
    ['2h', 7200],
    ['7d', 604_800],
  ])('makes one for %s', async (given, seconds) => {
    expect(Math.abs(lifetime(await urlOf(NAME, '--expires-in', given)) - seconds)).toBeLessThan(60)
  })

  it.each([
    ['Ferry.jpg', 'attachment; filename="Ferry.jpg"'],
    ['a"b\\c%20.jpg', `attachment; filename="a_b_c_20.jpg"; filename*=UTF-8''a%22b%5Cc%2520.jpg`],
    [
      "Übersicht (1)'s 😀.pdf",
      `attachment; filename="_bersicht (1)'s _.pdf"; filename*=UTF-8''%C3%9Cbersicht%20%281%29%27s%20%F0%9F%98%80.pdf`,
    ],
  ])('lets browsers save it as %s', async (filename, disposition) => {
    const response = await fetch(await urlOf(NAME, '--download', filename))
    await response.body?.cancel()
    expect([response.status, response.headers.get('Content-Disposition')]).toEqual([200, disposition])
  })

  it('prints one document with --json', async () => {
    const ran = await deployment.cli(['url', 'none.jpg', '--json'])
    expect(records(ran)).toEqual([{ name: 'none.jpg', url: expect.stringContaining('/none.jpg?expires=') }])
  })

  it.each([
    [['--expires-in', 'soon'], 'Write a number and a unit'],
    [['--expires-in', '0'], 'Write a number and a unit'],
    [['--expires-in', '1.5h'], 'Write a number and a unit'],
    [['--expires-in', '1w'], 'Write a number and a unit'],
    [['--download', ''], 'the file name is empty'],
    [['--download', 'a\nb'], 'control character'],
  ])('refuses %j', async (args, message) => {
    const { code, stdout, stderr } = await deployment.cli(['url', NAME, ...args])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(message)
  })

  it('says that seven days are the most', async () => {
    const { code, stderr } = await deployment.cli(['url', NAME, '--expires-in', '8d'])
    expect(code).toBe(2)
    expect(stderr).toContain('expires_in: must be a whole number from 1 to 604800')
  })

  it('exits with 4 without a token', async () => {
    const { code } = await deployment.cli(['url', NAME], { env: { FALLBACK_STORAGE_TOKEN: undefined } })
    expect(code).toBe(4)
  })
})
