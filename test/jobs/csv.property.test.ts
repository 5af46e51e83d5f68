import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { csvLine, parseCsv } from '../../src/jobs/backfill/csv.ts'
import { csvRows, type ManifestFormat, rowsOf } from '../../src/jobs/backfill/manifest.ts'
import { readRows, type Rows } from '../../src/jobs/backfill/rows.ts'
import { whyInvalid } from '../../src/storage/name.ts'
import { anyCharacter } from '../kit/any-character.ts'
import { gzip } from '../kit/gzip.ts'
import { sized } from '../kit/sample.ts'

const special = fc.constantFrom('"', ',', '\r', '\n', '\r\n', ' ', '=', '%', '+', '\uFEFF')
const field = fc.string({ unit: fc.oneof(special, anyCharacter), maxLength: 12 })
const records = fc.array(fc.array(field, { minLength: 1, maxLength: 4 }), { maxLength: 8 })
const RUNS = { numRuns: sized(5_000, 500) }

describe('CSV', () => {
  it('is read as it was written, whatever is in its fields', () => {
    fc.assert(
      fc.property(records, (all) => {
        const text = all.map(csvLine).join('')
        // A line without any character is a record with one empty field.
        expect(parseCsv(text, true)).toEqual({ records: all, end: text.length })
      }),
      RUNS,
    )
  })

  it('is the same wherever it is cut', () => {
    fc.assert(
      fc.property(
        records,
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        fc.array(fc.nat(), { maxLength: 6 }),
        (all, newline, isEnded, cuts) => {
          const lines = all.map((record) => csvLine(record).slice(0, -2))
          const text = lines.join(newline) + (isEnded ? newline : '')
          const whole = parseCsv(text, true)
          const places = [...cuts.map((cut) => cut % (text.length + 1)), text.length].toSorted(
            (a, b) => a - b,
          )
          const found: string[][] = []
          let rest = ''
          let start = 0
          for (const place of places) {
            rest += text.slice(start, place)
            start = place
            const part = parseCsv(rest, false)
            expect(part.problem).toBeUndefined()
            found.push(...part.records)
            rest = rest.slice(part.end)
          }
          const last = parseCsv(rest, true)
          expect([...found, ...last.records]).toEqual(whole.records)
          expect(last.problem).toBe(whole.problem)
        },
      ),
      RUNS,
    )
  })

  it.each([
    ['a,b\n"c', 'a quoted field has no end', [['a', 'b']]],
    ['a\n"b"c,d\n', 'there is text after the closing quote of a field', [['a']]],
    ['a\n"b""', 'a quoted field has no end', [['a']]],
  ])('says what is wrong with %j, and returns what comes before', (text, problem, before) => {
    expect(parseCsv(text, true)).toMatchObject({ records: before, problem })
  })

  it.each([
    [
      'a,b\r\nc,d',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['a 5" disk,x\n', [['a 5" disk', 'x']]],
    ['"a"\r', [['a']]],
    [
      'a,\n,b\n',
      [
        ['a', ''],
        ['', 'b'],
      ],
    ],
    ['a,', [['a', '']]],
    ['\n\n', [[''], ['']]],
    ['', []],
  ])('reads %j', (text, expected) => {
    expect(parseCsv(text, true)).toEqual({ records: expected, end: text.length })
  })
})

describe('the rows of a manifest', () => {
  const valid = fc
    .string({
      unit: fc.oneof(fc.constantFrom('"', ',', ' ', '%', '+', '/', 'é', '😀'), anyCharacter),
      maxLength: 20,
    })
    .map((text) => `n${text}n`)
    .filter((name) => whyInvalid(name) === undefined)
  const entry = fc.tuple(valid, fc.option(fc.nat(1e9)))
  const WRITERS: Record<ManifestFormat, (entries: readonly (readonly [string, number | null])[]) => string> =
    {
      text: (entries) => entries.map(([name]) => `${name}\n`).join(''),
      ndjson: (entries) => entries.map(([name, size]) => `${JSON.stringify({ name, size })}\r\n`).join(''),
      csv: (entries) =>
        `\uFEFF${[['Size', 'Key'], ...entries.map(([name, size]) => [size ?? '', name])].map(csvLine).join('')}`,
    }

  it.each(['text', 'ndjson', 'csv'] as const)(
    'of %s are the same in chunks of any size, gzipped or not, and after any number of rows',
    async (format) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(entry, { maxLength: 30 }),
          fc.integer({ min: 1, max: 40 }),
          fc.boolean(),
          fc.nat(30),
          async (entries, size, isZipped, skip) => {
            const plain = new TextEncoder().encode(WRITERS[format](entries))
            const bytes = isZipped ? await gzip(plain) : plain
            const rows = await collect(readRows(inChunks(bytes, size), rowsOf(format), { skip }))
            const header = format === 'csv' ? 1 : 0
            const expected = entries.slice(Math.max(0, skip - header))
            expect(rows.names).toEqual(
              expected.map(([name, bytes]) => [name, format === 'text' ? null : bytes]),
            )
            expect(rows.failures).toEqual([])
          },
        ),
        { numRuns: sized(500, 25) },
      )
    },
  )

  it('are taken a thousand at a time, and what was taken tells where to continue', async () => {
    const text = Array.from({ length: 2_500 }, (_, index) => `${index}.jpg\n`).join('')
    const read = (skip: number) =>
      readRows(inChunks(new TextEncoder().encode(text), 100), rowsOf('text'), { skip })
    const first = await read(0).next()
    expect(first.value?.row).toBeGreaterThanOrEqual(1000)
    const taken = first.value?.names ?? []
    const others = await collect(read(first.value?.row ?? 0))
    expect([...taken, ...others.names].map(([name]) => name)).toEqual(
      Array.from({ length: 2_500 }, (_, index) => `${index}.jpg`),
    )
  })

  it.each([
    ['csv', 'name,size\na.jpg,1\n"b.jpg', /^after row 2: a quoted field has no end/, ['a.jpg']],
    ['csv', 'file,size\na.jpg,1\n', /^no column is called "name" or "key"/, []],
    ['text', `a.jpg\n${'x'.repeat(70_000)}`, /^after row 1: a row has more than 65536 characters/, ['a.jpg']],
    ['text', new Uint8Array([0x61, 0x0a, 0xff, 0x0a]), /^after row 0: the text is not UTF-8/, []],
  ] as const)('of %s end where they cannot be read: %j', async (format, text, why, before) => {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
    const found: string[] = []
    const reading = collect(readRows(inChunks(bytes, 10_000), rowsOf(format)), found)
    await expect(reading).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(why) as string,
    })
    expect(found).toEqual(before)
  })

  it.each([0.5, 0.99])(
    'of a gzip file that is cut off at %d are read as far as they go',
    async (fraction) => {
      const text = Array.from({ length: 3_000 }, (_, index) => `${Math.sin(index)}.jpg\n`).join('')
      const whole = await gzip(new TextEncoder().encode(text))
      const found: string[] = []
      const cut = inChunks(whole.slice(0, whole.length * fraction), 1_000)
      await expect(collect(readRows(cut, rowsOf('text')), found)).rejects.toMatchObject({
        code: 'invalid',
        message: expect.stringMatching(/^after row \d+: the gzip data is damaged or not complete/) as string,
      })
      expect(found.length).toBeGreaterThan(1_000)
      expect(found).toEqual(text.split('\n').slice(0, found.length))
    },
  )

  it('of several gzip files in one are not taken for the first one only', async () => {
    const [one, two] = [
      await gzip(new TextEncoder().encode('a\n')),
      await gzip(new TextEncoder().encode('b\n')),
    ]
    const both = new Uint8Array([...one, ...two])
    for (const size of [1, one.length, both.length]) {
      const reading = collect(readRows(inChunks(both, size), rowsOf('text')))
      await expect(reading).rejects.toMatchObject({ code: 'invalid' })
    }
  })

  it('name the row that has no name, and go on after it', async () => {
    const text = 'name,backend,size\na.jpg,legacy,7\nb.jpg\n../c,legacy,1\n\nd.jpg,legacy,x\n'
    const rows = await collect(readRows(inChunks(new TextEncoder().encode(text), 7), rowsOf('csv')))
    expect(rows.names).toEqual([
      ['a.jpg', 7],
      ['d.jpg', null],
    ])
    expect(rows.failures).toEqual([
      { name: 'b.jpg', detail: 'row 3: the row has 1 of 3 columns' },
      { name: '../c', detail: 'row 4: the name holds a "." or ".." segment' },
    ])
  })

  it('that are not the latest version, or a delete marker, are left out', async () => {
    const text = '"k","true","false"\n"old","false","false"\n"gone","true","true"\n'
    const format = csvRows(['Key', ' IsLatest', ' IsDeleteMarker'])
    const rows = await collect(readRows(inChunks(new TextEncoder().encode(text), 5), format))
    expect(rows).toMatchObject({ names: [['k', null]], failures: [] })
  })
})

async function collect(slices: AsyncIterable<Rows>, names: string[] = []): Promise<Omit<Rows, 'row'>> {
  const all: Omit<Rows, 'row'> = { names: [], failures: [] }
  for await (const slice of slices) {
    all.names.push(...slice.names)
    all.failures.push(...slice.failures)
    names.push(...slice.names.map(([name]) => name))
  }
  return all
}

function inChunks(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  let at = 0
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close()
      controller.enqueue(bytes.slice(at, at + size))
      at += size
    },
  })
}
