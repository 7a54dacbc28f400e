// Where the site is read from files, browsers load neither modules nor JSON, so docfx's own script does not run. This one
// shows the tables of contents and searches; they are given as scripts, each a call of one of the functions here.
// From a server it does nothing.
if (location.protocol === 'file:') {
  const meta = name => document.querySelector(`meta[name="docfx:${name}"]`)?.content
  const rel = meta('rel') ?? ''
  const tables = []
  let index

  const load = (source, done) => {
    const script = document.createElement('script')
    script.src = source
    script.onload = done
    document.body.append(script)
  }

  // Called by toc.js and index.js.
  window.sequorTable = table => tables.push(table)
  window.sequorIndex = pages => { index = Object.values(pages) }

  const here = decodeURI(location.href.split('#')[0])

  const list = (items, base, deep) => {
    const ul = document.createElement('ul')
    for (const item of items) {
      const li = document.createElement('li')
      const to = item.href && new URL(item.href, base).href
      const label = document.createElement(to ? 'a' : 'span')
      label.textContent = item.name
      if (to) {
        label.href = to
        if (decodeURI(to) === here) li.classList.add('active')
      } else {
        label.className = 'name-only'
      }
      li.append(label)
      if (deep && item.items) {
        // Of a long table only the part that the reader is in.
        const below = list(item.items, base, deep)
        if (!to || li.matches('.active') || below.querySelector('.active')) li.append(below)
      }
      ul.append(li)
    }
    return ul
  }

  const show = (name, place, deep, style) => {
    const html = meta(name)
    const target = document.getElementById(place)
    if (!html || !target) return
    const source = new URL(html.replace(/\.html$/, '.js'), location.href)
    load(source.href, () => {
      const ul = list(tables.pop().items, source, deep)
      ul.className = style
      if (place === 'navbar') {
        for (const li of ul.children) {
          li.className = 'nav-item'
          li.firstChild.className = 'nav-link'
        }
      }
      target.prepend(ul)
    })
  }

  // One after the other: each takes the table that was given last.
  show('navrel', 'navbar', false, 'navbar-nav offline-nav')
  window.addEventListener('load', () => show('tocrel', 'toc', true, 'offline-toc'))
  document.querySelector('.toc')?.classList.add('offline-toc')

  // The buttons for narrow screens.
  for (const button of document.querySelectorAll('[data-bs-toggle]')) {
    const target = document.querySelector(button.dataset.bsTarget)
    button.addEventListener('click', () => target?.classList.toggle('show'))
  }
  document.querySelector('.btn-close')?.addEventListener('click', () =>
    document.getElementById('tocOffcanvas')?.classList.remove('show'))

  // Pages that have all words; those that have them in the title come first.
  const search = text => {
    const words = text.toLowerCase().split(/\s+/).filter(word => word)
    return index
      .map(page => {
        const title = page.title.toLowerCase()
        const all = `${title} ${page.keywords ?? ''} ${page.summary ?? ''}`.toLowerCase()
        if (!words.every(word => all.includes(word))) return { page, score: 0 }
        return { page, score: words.reduce((sum, word) =>
          sum + (title.includes(word) ? 10 : 0) + Math.min(5, all.split(word).length - 1), 0) / Math.log(100 + all.length) }
      })
      .filter(found => found.score > 0)
      .sort((a, b) => b.score - a.score)
      .slice(0, 30)
  }

  const results = document.getElementById('search-results')
  const query = document.getElementById('search-query')
  const answer = () => {
    results.replaceChildren()
    const asked = query.value.trim().length > 1
    document.body.toggleAttribute('data-search', asked)
    if (!asked) return
    const items = document.createElement('div')
    items.className = 'sr-items'
    for (const { page } of search(query.value)) {
      const item = document.createElement('div')
      item.className = 'sr-item'
      const title = document.createElement('div')
      title.className = 'item-title'
      const link = document.createElement('a')
      link.href = rel + page.href
      link.textContent = page.title.split(' | ')[0]
      title.append(link)
      const brief = document.createElement('div')
      brief.className = 'item-brief'
      brief.textContent = (page.summary ?? '').slice(0, 200)
      item.append(title, brief)
      items.append(item)
    }
    results.append(items.children.length ? items : 'Nothing has all of these words.')
  }
  if (query && results) {
    query.disabled = false
    document.getElementById('search').addEventListener('submit', e => e.preventDefault())
    query.addEventListener('input', () =>
      index ? answer() : load(`${rel}index.js`, answer))
  }
}
