import { expect, it } from 'vitest'
import { Html, html } from '../../src/http/html.ts'

it('escapes text, whether it is in an element or an attribute, and keeps markup and backslashes', () => {
  const text = `<b a="'\\">&amp;$&`
  const escaped = '&lt;b a=&quot;&#39;\\&quot;&gt;&amp;amp;$&amp;'
  expect(html`<p title="${text}">${text}</p>`.markup).toBe(`<p title="${escaped}">${escaped}</p>`)
  expect(html`<p>${html`<i>${text}</i>`}${new Html('<hr>')}</p>`.markup).toBe(`<p><i>${escaped}</i><hr></p>`)
})

it('joins lists, and shows 0 but not false', () => {
  const items = ['<', html`<li></li>`, ['&', 1]]
  expect(html`${items}${0}${false}${''}`.markup).toBe('&lt;<li></li>&amp;10')
})
