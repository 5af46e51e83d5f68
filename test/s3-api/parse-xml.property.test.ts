import { parseXml as parseStrictly, type XmlElement as StrictElement } from '@rgrove/parse-xml'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseXml, type XmlElement } from '../../src/s3/parse-xml.ts'
import { document } from '../../src/s3/xml.ts'
import { anyCharacter } from '../kit/any-character.ts'
import { sized } from '../kit/sample.ts'

/** What XML can hold: others are marked before a document is parsed. */
const character = anyCharacter.filter((one) =>
  /^[\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]$/u.test(one),
)
/** Parts of documents, many of them wrong where they stand. */
// oxfmt-ignore
const PARTS = [
  '<a>', '</a>', '<a/>', '<b>', '</b>', '<b c="d">', '<a b="1" b="2">', "<b c='<'>", '<b c="&amp;"/>', '<a b>',
  '<', '>', '&', '&amp;', '&lt;', '&apos;', '&nbsp;', '&#65;', '&#x41;', '&#0;', '&#xD800;', '&#x110000;', '&#;',
  '<!-- c -->', '<!--->', '<!-- -- -->', '<!-', '<![CDATA[<a>]]>', '<![CDATA[', ']]>', '<?p?>', '<?p i ?>', '<?p',
  '<?xml version="1.0"?>', '<?xml version="2.0"?>', '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>',
  '<A:b xmlns:A="http://example.com/"/>', '</a >', '< a>', '</ a>', '<a', '/>', ' ', '\n', '\r\n', '\r', '\t', '=', '"',
  '<1/>', '<a\u00a0b="c"/>', 'text', '\u00a0', 'é', '𝄞',
]
const part = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...PARTS) },
  fc.string({ unit: character, maxLength: 3 }),
)
const content = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(''))
const documents = fc.oneof(
  content,
  fc.tuple(content, content, content).map(([before, inside, after]) => `${before}<r>${inside}</r>${after}`),
  content.map((inside) => `<r><a>${inside}</a><b/></r>`),
)

function withoutDetails({ name, children, text }: StrictElement): XmlElement {
  const elements = children.filter((node): node is StrictElement => node.type === 'element')
  return { name, children: elements.map(withoutDetails), text }
}

function attempt(parse: () => XmlElement | null): XmlElement | null {
  try {
    return parse()
  } catch {
    return null
  }
}

describe('the parser of XML', () => {
  it('reads and refuses the same documents as a general parser', () => {
    let read = 0
    fc.assert(
      fc.property(documents, (padded) => {
        const text = padded.trimStart()
        // Names in other scripts are refused.
        fc.pre(!/<[^<>]*\P{ASCII}/u.test(text))
        const expected = attempt(() => {
          const { root } = parseStrictly(text)
          return root && withoutDetails(root)
        })
        const element = attempt(() => parseXml(text))
        if (element) read += 1
        expect(element).toEqual(expected)
      }),
      { numRuns: sized(50_000, 3_000) },
    )
    expect(read).toBeGreaterThan(100)
  })

  it('reads what is written', () => {
    // Without what XML cannot hold.
    const held = fc
      .string({ unit: anyCharacter })
      .map((text) => text.replaceAll(/[^\t\n\r -\ud7ff\ue000-\ufffd]/g, ''))
    fc.assert(
      fc.property(held, (text) => {
        const root = parseXml(document('Root', { Key: text }))
        expect(root.children).toEqual([{ name: 'Key', children: [], text }])
      }),
      { numRuns: sized(5_000, 500) },
    )
  })

  it('refuses a document type and what it could declare', () => {
    const bomb = '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    expect(() => parseXml(`${bomb}<r>&b;</r>`)).toThrow(SyntaxError)
    expect(() => parseXml('<!DOCTYPE r><r/>')).toThrow(SyntaxError)
    expect(() => parseXml('<r>&constructor;</r>')).toThrow(SyntaxError)
  })

  it.each([
    ['nested elements', '<a>'.repeat(200_000)],
    ['text', `<a>${'&amp;]] '.repeat(200_000)}</a`],
    ['an open comment', `<a>${'<!-- - '.repeat(200_000)}`],
    ['an open start tag', `<a${' b="c"'.repeat(200_000)}`],
    ['blanks in a start tag', `<a${' '.repeat(1_000_000)}`],
  ])('does not take long to refuse many %s', (_, text) => {
    expect(() => parseXml(text)).toThrow(SyntaxError)
  })
})
