import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import software.amazon.event.ruler.Machine;

/** Reads a pattern and then events, a line of JSON each; says of each event if it is let through. */
class Decide {
    public static void main(String[] arguments) throws Exception {
        InputStreamReader input = new InputStreamReader(System.in, StandardCharsets.UTF_8);
        BufferedReader lines = new BufferedReader(input);
        Machine machine = Machine.builder().build();
        machine.addRule("rule", lines.readLine());
        for (String event = lines.readLine(); event != null; event = lines.readLine()) {
            System.out.println(machine.rulesForJSONEvent(event).contains("rule"));
        }
    }
}
