import { type Command, InvalidArgumentError } from 'commander'
import { usageError } from '../errors.ts'
import type { Session, WithSession } from '../session.ts'

interface UrlOptions {
  expiresIn?: number
  download?: string
}

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 }

export function addUrl(program: Command, withSession: WithSession): void {
  program
    .command('url')
    .summary('print where an object can be fetched')
    .description(
      'Prints a URL of an object. Where media are private, it is a signed one, which works without a token\n' +
        'until it expires. It is made whether or not the object exists.',
    )
    .argument('<name>', 'name of the object')
    .option(
      '--expires-in <time>',
      'how long a signed URL works: 90s, 15m, 1h, 7d at most. Default: 1h',
      duration,
    )
    .option('--download <filename>', 'browsers save the object under this name instead of showing it')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage url photos/harbour.jpg --expires-in 1h
  fallback-storage url reports/0042.pdf --expires-in 7d --download 'Annual report.pdf'`,
    )
    .action(withSession(url))
}

async function url(
  { client, output }: Session,
  name: string,
  { expiresIn, download }: UrlOptions,
): Promise<void> {
  const contentDisposition = download === undefined ? undefined : attachment(download)
  const found = await client.url(name, { expiresIn, contentDisposition })
  output.list([{ name, url: found }], () => [found])
}

/** Seconds, from a whole number and a unit. */
function duration(value: string): number {
  const [, digits, unit = 's'] = /^([1-9]\d{0,8})([smhd])?$/.exec(value) ?? []
  if (digits === undefined) throw new InvalidArgumentError('Write a number and a unit: 90s, 15m, 1h or 7d.')
  return Number(digits) * UNITS[unit as keyof typeof UNITS]
}

/** RFC 6266: clients that do not know `filename*` get the ASCII part of the name. */
function attachment(filename: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (filename === '' || !filename.isWellFormed() || /[\0-\x1f\x7f]/.test(filename))
    throw usageError('--download: the file name is empty or contains a control character')
  const plain = filename.replaceAll(/[^ -~]|["\\%]/gu, '_')
  const simple = `attachment; filename="${plain}"`
  if (plain === filename) return simple
  const encoded = encodeURIComponent(filename).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `${simple}; filename*=UTF-8''${encoded}`
}
