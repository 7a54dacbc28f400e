// Options of docfx's script: code in no language that is named stays plain, as it is mostly what a program printed.
export default {
  configureHljs: hljs => hljs.configure({ languages: [] }),
}
